"""A backtest's page says and draws what was found: few batches or many, losses or scores, or nothing at all."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import sin
from typing import Any
from xml.etree import ElementTree

import pytest

from evertrain.domain.project.metric import Metric
from evertrain.reports.backtest_page import MAX_ENTRIES, BacktestPage, CalendarEntry, PolicyCurve
from evertrain.reports.cost_plot import CHARACTER, WIDTH, Point, draw_costs, frontier
from evertrain.reports.metric_plot import HEIGHT, TOP, Line, Mark, MarkKind, draw_metric

DAY = timedelta(days=1)
FIRST = datetime(2024, 1, 1, tzinfo=UTC)


def a_curve(name: str = "declared", *, values: Sequence[float | None] = (0.7,) * 20, **others: Any) -> PolicyCurve:
    there = [value for value in values if value is not None]
    metric = sum(there) / len(there) if there else None
    counts = dict.fromkeys(("retrained", "promoted", "rejected", "held", "person_called", "set_aside"), 0)
    return PolicyCurve(name=name, values=values, metric=metric, regret=0.0, seconds=1.5, **(counts | others))


def an_entry(**others: Any) -> CalendarEntry:
    given = {"first": FIRST, "last": FIRST, "batches": 1, "action": "retrain", "reason": "period elapsed"}
    return CalendarEntry(**(given | {"sentence": "32 days have passed"} | others))


def a_page(*curves: PolicyCurve, **others: Any) -> BacktestPage:
    curves = curves or (a_curve(retrained=3, promoted=2, rejected=1), a_curve("never", values=(0.6,) * 20))
    count = len(curves[0].values)
    page = BacktestPage(
        of="late of trips.csv",
        answer="Retraining would have helped.",
        metric=Metric.ROC_AUC_SCORE,
        unit="",
        batch=DAY,
        starts=[FIRST + DAY * number for number in range(count)],
        rows=[100] * count,
        scored=[number for number in range(count) if all(each.values[number] is not None for each in curves)],
        curves=curves,
        emphasised=curves[0].name,
        marks=(),
        calendar=(),
    )
    return replace(page, **others)


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html.partition("</style>")[2]).split())


def plots(html: str) -> list[ElementTree.Element]:
    return [
        ElementTree.fromstring(each)  # noqa: S314
        for each in re.findall(r'<svg class="plot".*?</svg>', html, re.DOTALL)
    ]


def heights(path: str) -> list[float]:
    return [float(y) for y in re.findall(r"[ML][-\d.]+ ([-\d.]+)", path)]


def test_the_first_sentence_is_the_answer_and_nothing_comes_from_elsewhere() -> None:
    html = a_page().render()
    assert text_of(html).startswith(
        "Backtest: late of trips.csv Retraining would have helped. 2,000 labelled rows in 20"
    )
    assert "<script" not in html
    assert not re.search(r"(src|href)\s*=|url\((?!#)|@import", html)


def test_a_table_has_every_policy_and_plots_name_metric_direction_and_units() -> None:
    counts = {"retrained": 31, "promoted": 22, "rejected": 9, "held": 128, "person_called": 4, "set_aside": 6}
    declared = a_curve(values=(14.85,) * 20, **counts)
    html = a_page(declared, metric=Metric.MEAN_ABSOLUTE_ERROR, unit="in the unit of late").render()
    text = text_of(html)
    assert "declared 14.8500 31 22 9 128 4 6 0.0000 1.5" in text
    over_time, costs = plots(html)
    for plot, x_axis in (
        (over_time, "start of the batch (UTC), batches of 1d"),
        (costs, "retrainings per 100 batches"),
    ):
        words = " ".join("".join(each.itertext()) for each in plot.iter("text"))
        assert "mean_absolute_error, in the unit of late (lower is better)" in words
        assert x_axis in words
        assert plot.get("aria-label")
    assert "roc_auc_score (higher is better)" in text_of(a_page().render())


def test_what_comes_from_a_file_is_text_and_no_markup() -> None:
    bad = '<script>alert("1")</script>&'
    entry = an_entry(sentence=f"{bad} drifted", features=[bad], outcome="promoted", outcome_sentence=bad)
    mark = Mark(batch=3, kind=MarkKind.PROMOTED, text=f"promoted: {bad}")
    html = a_page(of=f"{bad} of trips.csv", answer=bad, unit=f"in the unit of {bad}", marks=[mark], calendar=[entry])
    rendered = html.render()
    assert "<script" not in rendered
    assert rendered.count("&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;&amp;") >= 8
    assert len(plots(rendered)) == 2, "and plots are still XML"


def test_the_calendar_has_retrainings_calls_and_runs_of_holds() -> None:
    held = an_entry(action="hold", reason="cooldown", sentence="cooldown ends", batches=12, last=FIRST + 11 * DAY)
    called = an_entry(action="escalate", reason="feed broken", sentence="wind has no values")
    retrained = an_entry(features=["wind", "load"], outcome="rejected", outcome_sentence="worse by 0.1")
    text = text_of(a_page(calendar=[held, called, retrained]).render())
    assert "2024-01-01 to 2024-01-12 held 12 times cooldown: cooldown ends" in text
    assert "2024-01-01 person called feed broken: wind has no values" in text
    assert "retrained period elapsed: 32 days have passed wind, load rejected : worse by 0.1" in text
    assert text_of(a_page().render()).endswith("What declared decided Nothing.")
    many = a_page(calendar=[an_entry()] * (MAX_ENTRIES + 1)).render()
    assert many.count('<tr class="retrain">') == MAX_ENTRIES
    assert "The first 2,000 of 2,001." in text_of(many)


def test_batches_of_hours_are_told_by_the_hour() -> None:
    page = a_page(batch=timedelta(hours=1), calendar=[an_entry(first=FIRST + timedelta(hours=7))])
    assert "2024-01-01 07:00 retrained" in text_of(replace(page, starts=hours(20)).render())


def hours(count: int) -> list[datetime]:
    return [FIRST + timedelta(hours=number) for number in range(count)]


def test_what_happened_to_batches_is_in_lanes_of_which_none_is_empty() -> None:
    marks = [
        Mark(batch=4, kind=MarkKind.PROMOTED, text="promoted: not worse"),
        Mark(batch=9, kind=MarkKind.REJECTED, text="rejected: worse"),
        *(Mark(batch=each, kind=MarkKind.DRIFTED) for each in (2, 3, 4, 11)),
    ]
    drawn = drawing(lines=[(0.7,) * 20], marks=marks)
    assert [lane.name for lane in drawn.lanes] == ["promoted", "rejected", "drifted"]
    assert [mark.text for mark in drawn.lanes[2].marks] == [
        "2024-01-03 00:00 to 2024-01-05 00:00, 3 batches: drifted",
        "2024-01-12 00:00: drifted",
    ]
    assert drawn.lanes[1].marks[0].text == "2024-01-10 00:00: rejected: worse"
    assert len(drawn.guides) == 1


def test_promotions_without_number_are_not_drawn_through_the_lines() -> None:
    marks = [Mark(batch=each, kind=MarkKind.PROMOTED) for each in range(100)]
    assert drawing(lines=[(0.7,) * 100], marks=marks).guides == []


def drawing(*, lines: Sequence[Sequence[float | None]], marks: Sequence[Mark] = (), rows: int = 100) -> Any:
    count = len(lines[0])
    drawn = draw_metric(
        [Line(name=f"line {place}", style="", values=values) for place, values in enumerate(lines)],
        marks,
        starts=[FIRST + DAY * number for number in range(count)],
        rows=[rows] * count,
        batch=DAY,
        scored_from=None,
    )
    assert drawn is not None
    return drawn


def noisy(count: int) -> list[float | None]:
    return [0.7 + (0.1 if number % 2 else -0.1) for number in range(count)]


def test_noisy_batches_are_smoothed_and_the_page_says_so() -> None:
    smoothed = drawing(lines=[noisy(100)])
    assert smoothed.smoothed == 4
    assert max(heights(smoothed.lines[0].path)) - min(heights(smoothed.lines[0].path)) < HEIGHT
    assert "trailing mean of 4 batches, weighted by rows" in text_of(a_page(a_curve(values=noisy(100))).render())


def test_calm_lines_and_few_batches_are_drawn_as_they_are() -> None:
    calm = [0.7 + 0.1 * sin(number / 30) for number in range(100)]
    assert drawing(lines=[calm]).smoothed == 1
    assert drawing(lines=[noisy(20)]).smoothed == 1
    assert "Each line is the metric of each batch." in text_of(a_page(a_curve(values=calm)).render())


@pytest.mark.parametrize("count", [1, 2, 20, 2_000, 20_000])
def test_every_number_of_batches_makes_a_plot_of_a_size_that_can_be_opened(count: int) -> None:
    html = a_page(
        a_curve(values=noisy(count)), a_curve("never", values=[None] * (count // 2) + noisy(count)[count // 2 :])
    )
    rendered = html.render()
    over_time, _ = plots(rendered)
    for path in (each.get("d", "") for each in over_time.iter("path") if "curve" in each.get("class", "")):
        assert 1 <= len(heights(path)) <= 1_001
        assert all(TOP <= y <= HEIGHT for y in heights(path))
    assert len(rendered) < 200_000


def test_a_line_has_a_gap_where_no_batch_was_measured() -> None:
    one_piece = drawing(lines=[(0.7, None, 0.8, *(0.7,) * 10)])
    two_pieces = drawing(lines=[(0.7, None, None, None, 0.8, *(0.7,) * 10)])
    assert [drawn.lines[0].path.count("M") for drawn in (one_piece, two_pieces)] == [1, 2]


def test_one_wild_batch_does_not_flatten_the_others() -> None:
    calm = [0.7 + 0.1 * sin(number / 30) for number in range(150)]
    drawn = drawing(lines=[[*calm, -4e6, *calm]])
    ys = [y for y in heights(drawn.lines[0].path) if y <= HEIGHT]
    assert drawn.outlying == 1
    assert max(ys) - min(ys) > HEIGHT / 3


def a_point(name: str, cost: float, value: float) -> Point:
    return Point(name=name, style="", cost=cost, value=value)


COSTS = [a_point("never", 0, 0.5), a_point("declared", 3, 0.7), a_point("periodic", 6, 0.6), a_point("all", 100, 0.8)]


def test_the_frontier_joins_policies_that_no_other_beats_in_both() -> None:
    assert [each.name for each in frontier(COSTS, higher_is_better=True)] == ["never", "declared", "all"]
    assert [each.name for each in frontier(COSTS, higher_is_better=False)] == ["never"]
    alike = [a_point("never", 0, 0.5), a_point("adwin", 0, 0.5)]
    assert frontier(alike, higher_is_better=True) == alike


def test_costs_far_apart_are_spread_and_labels_do_not_cover_each_other() -> None:
    drawn = draw_costs([*COSTS, a_point("another", 3, 0.7)], higher_is_better=True)
    assert drawn is not None
    assert drawn.stretched
    assert [tick.text for tick in drawn.x_ticks] == ["0", "1", "2", "5", "10", "20", "50", "100"]
    assert drawn.points[2].x - drawn.points[1].x > 40
    declared, another = drawn.points[1], drawn.points[4]
    assert (declared.x, declared.y) == (another.x, another.y)
    assert (declared.label_x, declared.label_y) != (another.label_x, another.label_y)
    few = draw_costs(COSTS[:3], higher_is_better=True)
    assert few is not None
    assert not few.stretched


def test_retrainings_are_counted_per_hundred_batches_since_the_first_model() -> None:
    assert a_curve(values=[None] * 10 + [0.7] * 50, retrained=5).per_hundred_batches == 10
    assert a_curve(values=[None] * 10, retrained=0).per_hundred_batches == 0


def test_one_policy_alone_is_a_page() -> None:
    html = a_page(a_curve("adwin", retrained=2)).render()
    assert len(plots(html)) == 2
    assert "What adwin decided" in text_of(html)
    assert "Joined:" not in text_of(html)


def test_where_nothing_could_be_scored_it_says_so() -> None:
    html = a_page(a_curve(values=[None] * 20), a_curve("never", values=[None] * 20)).render()
    text = text_of(html)
    assert plots(html) == []
    assert "20 batches of 1d, of which none could be scored." in text
    assert "Nothing to draw: there is no batch with labels that any policy predicted." in text
    assert "Nothing to draw: no policy has a roc_auc_score on batches that count." in text
    assert "declared – 0 0" in text


def test_lines_are_drawn_though_no_batch_has_those_of_all() -> None:
    first, second = [0.7] * 10 + [None] * 10, [None] * 10 + [0.6] * 10
    curves = [
        replace(a_curve(name, values=each), metric=None) for name, each in (("declared", first), ("never", second))
    ]
    assert len(plots(a_page(*curves).render())) == 1


def test_each_policy_has_a_line_of_its_own_look_and_the_emphasised_is_on_top() -> None:
    names = ["never", "declared", *(f"periodic:{number}" for number in range(1, 12))]
    page = a_page(*(a_curve(name) for name in names), emphasised="declared")
    assert page.styles["declared"] == "line-0"
    assert len(set(page.styles.values())) == len(names)
    over_time, _ = plots(page.render())
    curves = [each.get("class") for each in over_time.iter("path") if "curve" in each.get("class", "")]
    assert curves[-1] == "curve line-0"


def test_labels_stay_inside_of_the_drawing() -> None:
    drawn = draw_costs([a_point("never", 0, 17.7), a_point("declared", 3.2, 14.9)], higher_is_better=False)
    assert drawn is not None
    dearest = drawn.points[1]
    assert dearest.anchor == "end" or dearest.label_x + CHARACTER * len("declared") < WIDTH
