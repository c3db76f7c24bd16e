"""What a policy costs against how good it is: a point for each, and the frontier. Pure: values in, pixels out."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log1p

from evertrain.reports.axes import Axis, Tick

WIDTH, HEIGHT = 960, 320
LEFT, RIGHT, TOP = 110, 40, 28
"""Pixels: of the drawing with its axes, and what is left free around the points."""

CHARACTER, TEXT_HEIGHT, RADIUS = 8.8, 16, 6
"""Pixels: at most how wide a bold label is for each of its characters, how high it is, and how large a point."""

STRETCHED_ABOVE = 20
"""Retrainings per 100 batches above which the axis is stretched towards 0, where most policies lie."""

STRETCHED_TICKS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """`cost`: retrainings per 100 batches. `style`: a class of the page's style sheet."""

    name: str
    style: str
    cost: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnPoint:
    """`anchor`: which end of the label is at `label_x`."""

    point: Point
    x: float
    y: float
    label_x: float
    label_y: float
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnCosts:
    """`frontier`: a path through the points that no other beats in both. `stretched`: the x axis is, towards 0."""

    points: Sequence[DrawnPoint]
    frontier: str
    on_frontier: Sequence[str]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    stretched: bool


def draw_costs(points: Sequence[Point], *, higher_is_better: bool) -> DrawnCosts | None:
    """None where there is no point."""
    if not points:
        return None
    most = max(1.0, *(point.cost for point in points))
    stretched = most > STRETCHED_ABOVE
    x = Axis(low=0, high=_scaled(most, stretched) * 1.04, begin=LEFT + 14, end=WIDTH - RIGHT)
    y = Axis.around([point.value for point in points], begin=HEIGHT, end=TOP)
    placed = [(point, x.at(_scaled(point.cost, stretched)), y.at(point.value)) for point in points]
    best = sorted(frontier(points, higher_is_better=higher_is_better), key=lambda each: each.cost)
    where = {point.name: f"{at:.1f} {height:.1f}" for point, at, height in placed}
    round_ticks = [Tick(at=x.at(log1p(each)), text=f"{each:,}") for each in STRETCHED_TICKS if each <= most * 1.05]
    return DrawnCosts(
        points=_with_labels(placed, beside=0.7 if higher_is_better else -0.7),
        frontier="M" + "L".join(where[each.name] for each in best),
        on_frontier=[each.name for each in best],
        x_ticks=round_ticks if stretched else [Tick(at=x.at(0), text="0"), *_but_zero(x.ticks(count=8))],
        y_ticks=y.ticks(count=7),
        stretched=stretched,
    )


def frontier(points: Sequence[Point], *, higher_is_better: bool) -> list[Point]:
    """Those that no other beats: cheaper and no worse, or better and no dearer."""
    sign = 1 if higher_is_better else -1

    def beats(one: Point, other: Point) -> bool:
        no_worse = one.cost <= other.cost and sign * one.value >= sign * other.value
        return no_worse and (one.cost, one.value) != (other.cost, other.value)

    return [point for point in points if not any(beats(each, point) for each in points)]


def _scaled(cost: float, stretched: bool) -> float:
    return log1p(cost) if stretched else cost


def _but_zero(ticks: Sequence[Tick]) -> list[Tick]:
    return [tick for tick in ticks if tick.text != "0"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    left: float
    right: float
    top: float
    bottom: float

    @property
    def is_inside(self) -> bool:
        """Of the drawing, and beside none of its axes."""
        return self.left > LEFT and self.right < WIDTH and self.top > TOP - TEXT_HEIGHT / 2 and self.bottom < HEIGHT

    def overlaps(self, other: "_Box") -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


_FURTHER = (2, -2, 3, -3, 4, -4, 5, -5)


def _with_labels(placed: Sequence[tuple[Point, float, float]], *, beside: float) -> list[DrawnPoint]:
    """Each label at the first of its places that is free: on the side of the frontier that nothing beats (`beside`,
    in heights of a text), then right, left, above, below, and further off."""
    taken = [_Box(left=x - RADIUS, right=x + RADIUS, top=y - RADIUS, bottom=y + RADIUS) for _, x, y in placed]
    drawn = []
    for point, x, y in placed:
        width = CHARACTER * len(point.name)
        places = [
            (x + 9, y + 5 + TEXT_HEIGHT * beside, "start"),
            (x - 9, y + 5 - TEXT_HEIGHT * beside, "end"),
            (x + 11, y + 5, "start"),
            (x - 11, y + 5, "end"),
            *((x + 11, y + 5 - TEXT_HEIGHT * each, "start") for each in (1, -1)),
            *((x - 11, y + 5 - TEXT_HEIGHT * each, "end") for each in (1, -1)),
            *((x + 11, y + 5 + TEXT_HEIGHT * each, "start") for each in _FURTHER),
            *((x - 11, y + 5 + TEXT_HEIGHT * each, "end") for each in _FURTHER),
        ]
        boxes = [(place, _box(*place, width)) for place in places]
        inside = [each for each in boxes if each[1].is_inside] or boxes
        free = [each for each in inside if not any(each[1].overlaps(other) for other in taken)]
        (label_x, label_y, anchor), box = (free or inside)[0]
        taken.append(box)
        drawn.append(DrawnPoint(point=point, x=x, y=y, label_x=label_x, label_y=label_y, anchor=anchor))
    return drawn


def _box(x: float, y: float, anchor: str, width: float) -> _Box:
    left = x if anchor == "start" else x - width
    return _Box(left=left, right=left + width, top=y - TEXT_HEIGHT + 4, bottom=y + 4)
