"""A metric over time: a line for each policy, and what happened in lanes below. Pure: values in, pixels out."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby, pairwise
from math import ceil
from statistics import median

from evertrain.reports.axes import Axis, Tick, round_times

WIDTH, HEIGHT = 960, 330
LEFT, RIGHT, TOP = 110, 14, 28
"""Pixels: of the drawing with its axes, and what is left free around the lines."""

LANE_HEIGHT = 20
MAX_POINTS = 1_000
"""Of a line: more than there are pixels is seen by nobody."""

MAX_GUIDES = 40
"""Promotions that are drawn through the lines, as well as in their lane. More hide the lines."""

NOISE = 0.1
"""Lines are smoothed where the usual step between batches is more than this share of what the metric spans."""

BATCHES_TO_SMOOTH = 25
"""A mean is taken over one in so many batches: long enough to be calm, short enough that a change stays one."""

ENDS, OUTLYING_SPAN = 0.05, 20.0
"""The plot spans all values, unless that is more than twenty times what they span without a twentieth at each end."""


class MarkKind(StrEnum):
    """What can happen to a batch. In the order of the lanes."""

    PROMOTED = "promoted"
    REJECTED = "rejected"
    PERSON_CALLED = "person called"
    SET_ASIDE = "set aside"
    DOUBTFUL = "doubtful"
    DRIFTED = "drifted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """`text`: what is read when it is pointed at."""

    batch: int
    kind: MarkKind
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """`values`: of each batch, None where there is none. `style`: a class of the page's style sheet."""

    name: str
    style: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnLine:
    name: str
    style: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnMark:
    x: float
    width: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    name: str
    style: str
    y: float
    marks: Sequence[DrawnMark]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnMetric:
    """`smoothed`: batches of the trailing mean, 1 where lines are as measured. `outlying`: points that lie outside.
    `guides`: x of promotions. `scored_from`: x from which on batches count, None where it is the first."""

    lines: Sequence[DrawnLine]
    lanes: Sequence[Lane]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    guides: Sequence[float]
    scored_from: float | None
    smoothed: int
    outlying: int
    height: float


def draw_metric(
    lines: Sequence[Line],
    marks: Sequence[Mark],
    *,
    starts: Sequence[datetime],
    rows: Sequence[int],
    batch: timedelta,
    scored_from: int | None,
) -> DrawnMetric | None:
    """None where no line has a value. `starts`, `rows`: of each batch. The last line is drawn over the others."""
    count = len(starts)
    smoothed = max(_smoothing([line.values for line in lines]), ceil(count / MAX_POINTS))
    points = {line.name: list(_points(line.values, rows, smoothed)) for line in lines}
    values = sorted(value for several in points.values() for each in several for _, value in each)
    if not values:
        return None
    low, high = _span(values)
    x = Axis(low=0, high=count, begin=LEFT, end=WIDTH - RIGHT)
    y = Axis.around([low, high], begin=HEIGHT, end=TOP)
    promoted = [mark.batch for mark in marks if mark.kind is MarkKind.PROMOTED]
    lanes = list(_lanes(marks, x, starts))
    return DrawnMetric(
        lines=[
            DrawnLine(name=line.name, style=line.style, path=_path(points[line.name], x, y))
            for line in lines
            if points[line.name]
        ],
        lanes=lanes,
        x_ticks=[
            Tick(at=x.at((moment - starts[0]) / batch), text=text)
            for moment, text in round_times(starts[0], starts[-1], count=9)
        ],
        y_ticks=y.ticks(count=8),
        guides=[x.at(each + 0.5) for each in promoted] if len(promoted) <= MAX_GUIDES else [],
        scored_from=x.at(scored_from) if scored_from else None,
        smoothed=smoothed,
        outlying=sum(not low <= value <= high for value in values),
        height=HEIGHT + LANE_HEIGHT * len(lanes),
    )


_Measured = tuple[int, float, int]
"""A batch, its metric and its rows."""

# --- lines ----------------------------------------------------------------------------------------


def _smoothing(several: Sequence[Sequence[float | None]]) -> int:
    """Over how many batches the trailing mean is taken: 1 where lines are calm, or where batches are few."""
    there = [[value for value in values if value is not None] for values in several]
    steps = [abs(after - before) for each in there for before, after in pairwise(each)]
    values = sorted(value for each in there for value in each)
    if not steps:
        return 1
    low, high = _quantiles(values, ENDS)
    longest = max(len(each) for each in there)
    is_noisy = median(steps) > NOISE * (high - low)
    return max(1, round(longest / BATCHES_TO_SMOOTH)) if is_noisy else 1


def _points(values: Sequence[float | None], rows: Sequence[int], smoothed: int) -> Iterator[list[tuple[int, float]]]:
    """Pieces of a line: batch and trailing mean, weighted by rows. Where many batches in a row have no value, it is
    cut; a piece begins where half of a mean's batches are there."""
    every = ceil(len(values) / MAX_POINTS)
    there = [(number, value, max(1, rows[number])) for number, value in enumerate(values) if value is not None]
    for piece in _pieces(there, gap=max(smoothed, 2)):
        numbers = [number for number, _, _ in piece]
        begin = min(smoothed // 2, len(piece) - 1)
        shown = {*range(begin, len(piece), every), len(piece) - 1}
        means = []
        for place in sorted(shown):
            window = piece[bisect_right(numbers, numbers[place] - smoothed) : place + 1]
            weight = sum(of for _, _, of in window)
            means.append((numbers[place], sum(value * of for _, value, of in window) / weight))
        yield means


def _pieces(there: Sequence[_Measured], *, gap: int) -> Iterator[list[_Measured]]:
    piece: list[_Measured] = []
    for measured in there:
        if piece and measured[0] - piece[-1][0] > gap:
            yield piece
            piece = []
        piece.append(measured)
    if piece:
        yield piece


def _span(values: Sequence[float]) -> tuple[float, float]:
    """From where to where the plot goes. `values`: ascending."""
    low, high = _quantiles(values, ENDS)
    if values[-1] - values[0] <= OUTLYING_SPAN * (high - low) or high == low:
        return values[0], values[-1]
    room = 0.5 * (high - low)
    return max(values[0], low - room), min(values[-1], high + room)


def _quantiles(values: Sequence[float], share: float) -> tuple[float, float]:
    """The values that `share` lie below, and above. `values`: ascending."""
    cut = int(share * len(values))
    return values[cut], values[-1 - cut]


def _path(pieces: Sequence[Sequence[tuple[int, float]]], x: Axis, y: Axis) -> str:
    """A piece of one point is a dot: a line of no length, with round ends."""
    return "".join(
        "M" + "L".join(f"{x.at(number + 0.5):.1f} {y.at(value):.1f}" for number, value in piece) + "h0"
        for piece in pieces
    )


# --- lanes ----------------------------------------------------------------------------------------


def _lanes(marks: Sequence[Mark], x: Axis, starts: Sequence[datetime]) -> Iterator[Lane]:
    """One for each kind that happened."""
    there = [kind for kind in MarkKind if any(mark.kind is kind for mark in marks)]
    for place, kind in enumerate(there):
        yield Lane(
            name=kind.value,
            style=kind.value.replace(" ", "-"),
            y=HEIGHT + LANE_HEIGHT * (place + 0.5),
            marks=[
                DrawnMark(x=x.at(first), width=x.at(last + 1) - x.at(first), text=text)
                for first, last, text in _runs([mark for mark in marks if mark.kind is kind], starts)
            ],
        )


def _runs(marks: Sequence[Mark], starts: Sequence[datetime]) -> Iterator[tuple[int, int, str]]:
    """Batches in a row become one, where nothing is to be told of each."""
    ordered = sorted({mark.batch: mark for mark in marks}.items())
    grouped = groupby(enumerate(ordered), key=lambda each: (each[1][1].text, each[1][0] - each[0]))
    for (text, _), group in grouped:
        batches = [batch for _, (batch, _) in group]
        first, last = f"{starts[batches[0]]:%Y-%m-%d %H:%M}", f"{starts[batches[-1]]:%Y-%m-%d %H:%M}"
        when = first if first == last else f"{first} to {last}, {len(batches)} batches"
        yield batches[0], batches[-1], f"{when}: {text or marks[0].kind.value}"
