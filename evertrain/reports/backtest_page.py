"""A backtest as a page: the answer, the metric over time, what each policy costs, and what was decided when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evertrain.domain.project.duration import format_duration
from evertrain.domain.project.metric import ModelMetric
from evertrain.reports import cost_plot, metric_plot
from evertrain.reports.cost_plot import Point, draw_costs
from evertrain.reports.metric_plot import Line, Mark, draw_metric
from evertrain.reports.templates import render_template

COLOURS = 8
"""Lines with a colour of their own in the page's style sheet; the next ones are dashed."""

MAX_ENTRIES = 2_000
"""Of the calendar. A policy that retrains on every batch makes one a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCurve:
    """What one policy did. `values`: the metric of each batch, None where there is none. `metric`, `regret`: of the
    batches that count. `gain`: over never retraining, with its interval; empty where that is not known."""

    name: str
    values: Sequence[float | None]
    metric: float | None
    regret: float | None
    retrained: int
    promoted: int
    rejected: int
    held: int
    person_called: int
    set_aside: int
    seconds: float
    gain: str = ""

    @property
    def per_hundred_batches(self) -> float:
        """Retrainings, since there was a first model."""
        batches = next((len(self.values) - each for each, value in enumerate(self.values) if value is not None), 0)
        return 100 * self.retrained / batches if batches else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEntry:
    """A decision, or several alike in a row. `batches`: on how many it was taken, from `first` to `last`. `outcome`:
    of a retraining."""

    first: datetime
    last: datetime
    batches: int
    action: str
    reason: str
    sentence: str
    features: Sequence[str] = ()
    outcome: str = ""
    outcome_sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestPage:
    """`of`: the model's title. `starts`, `rows`: of each batch, which are `batch` long. `scored`: numbers of those
    that count. `unit`: of the metric, empty where it has none. `marks`, `calendar`: of the policy `emphasised`."""

    of: str
    answer: str
    metric: ModelMetric
    unit: str
    batch: timedelta
    starts: Sequence[datetime]
    rows: Sequence[int]
    scored: Sequence[int]
    curves: Sequence[PolicyCurve]
    emphasised: str
    marks: Sequence[Mark]
    calendar: Sequence[CalendarEntry]

    @property
    def title(self) -> str:
        return f"Backtest: {self.of}"

    @property
    def scored_rows(self) -> int:
        return sum(self.rows[number] for number in self.scored)

    @property
    def metric_axis(self) -> str:
        unit = f", {self.unit}" if self.unit else ""
        return f"{self.metric}{unit} ({self.direction} is better)"

    @property
    def direction(self) -> str:
        return "higher" if self.metric.higher_is_better else "lower"

    @property
    def styles(self) -> Mapping[str, str]:
        """A class for each policy: `line-0` is the emphasised one's."""
        others = [curve.name for curve in self.curves if curve.name != self.emphasised]
        numbers = {self.emphasised: 0} | {name: 1 + place for place, name in enumerate(others)}
        return {
            name: f"line-{number}" if number < COLOURS else f"line-{1 + (number - 1) % (COLOURS - 1)} dashed"
            for name, number in numbers.items()
        }

    def render(self) -> str:
        styles = self.styles
        # The emphasised line is the last, and so lies over the others.
        curves = sorted(self.curves, key=lambda curve: curve.name == self.emphasised)
        return render_template(
            "backtest_page.html.jinja",
            page=self,
            styles=styles,
            batch=format_duration(self.batch),
            calendar=self.calendar[:MAX_ENTRIES],
            over_time=draw_metric(
                [Line(name=each.name, style=styles[each.name], values=each.values) for each in curves],
                self.marks,
                starts=self.starts,
                rows=self.rows,
                batch=self.batch,
                scored_from=self.scored[0] if self.scored else None,
            ),
            costs=draw_costs(
                [
                    Point(name=each.name, style=styles[each.name], cost=each.per_hundred_batches, value=each.metric)
                    for each in self.curves
                    if each.metric is not None
                ],
                higher_is_better=self.metric.higher_is_better,
            ),
            metric_plot=metric_plot,
            cost_plot=cost_plot,
        )
