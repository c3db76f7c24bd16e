"""One retraining as a page: which candidates competed, on which rows, what the gate said, and from which data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evertrain.domain.deciding.decisions import RecordedDecision
from evertrain.domain.project.interval import Interval
from evertrain.domain.release.registry import ModelVersion
from evertrain.domain.training.evaluation import (
    Contender,
    DatasetSnapshot,
    Evaluation,
    GuardComparison,
    Score,
    SliceComparison,
    Trial,
)
from evertrain.domain.training.gate import Finding, judged_guards, judged_slices, margin_of
from evertrain.domain.training.plan import TrainingPlan
from evertrain.reports.axes import Axis, Tick
from evertrain.reports.templates import render_template

WIDTH, ROW_HEIGHT, LABELS_WIDTH, VALUES_WIDTH = 960, 26, 330, 190
"""Pixels: a chart's width, the height of its rows, and the columns left and right of the drawing."""


_FINDINGS = {
    Finding.BETTER: "better",
    Finding.NOT_WORSE: "not worse",
    Finding.WORSE: "worse",
    Finding.UNKNOWN: "too few rows or days to say",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Competitor:
    """A candidate in the last round that it reached. `mark`: `chosen`, `lost`, or `out` before the last round."""

    name: str
    mark: str
    rows: int
    score: Score | None
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingPage:
    """`early`: trials of the rounds before the last. `decision`: None where the log no longer has it."""

    version: ModelVersion
    plan: TrainingPlan
    evaluation: Evaluation
    early: Sequence[Trial] = ()
    decision: RecordedDecision | None = None

    @property
    def title(self) -> str:
        return f"{self.version.model} {self.version.version}: how it was trained and judged"

    @property
    def competitors(self) -> tuple[Competitor, ...]:
        """In the plan's order: the shortest window first."""
        evaluation = self.evaluation
        last = {each.candidate.name: each for each in evaluation.contenders}
        unusable = {each.candidate.name: each for each in evaluation.unusable}
        out = {each.candidate.name: each for each in self.early}  # of several rounds, the latest
        found = []
        for candidate in self.plan.candidates:
            name = candidate.name
            if name in last:
                chosen = name == evaluation.chosen.candidate.name
                of: Contender | Trial = last[name]
                mark, description = ("chosen", "chosen") if chosen else ("lost", "")
            elif name in unusable or name in out:
                of = trial = unusable.get(name) or out[name]
                mark, description = "out", trial.unusable or f"out after round {trial.round.number}"
            else:
                continue
            found.append(
                Competitor(name=str(candidate), mark=mark, rows=of.rows, score=of.validation, description=description)
            )
        return tuple(found)

    @property
    def row_sets(self) -> tuple[tuple[str, DatasetSnapshot], ...]:
        """What was trained and judged on, by name."""
        found, refit = self.evaluation, self.evaluation.refit
        training = [("training", found.chosen.training_set)]
        if refit is not None:
            training = [("training of what was judged", found.chosen.training_set), ("training", refit.training_set)]
        return (*training, ("validation", found.chosen.validation_set), ("gate", found.gate_set))

    @property
    def margin(self) -> float:
        return margin_of(self.plan.spec.gate, self.evaluation)

    @property
    def slices(self) -> tuple[tuple[SliceComparison, str], ...]:
        """What is said of each."""
        found = judged_slices(self.evaluation, self.plan.spec.gate)
        return tuple((comparison, _FINDINGS[verdict]) for comparison, verdict in found)

    @property
    def guards(self) -> tuple[tuple[GuardComparison, str], ...]:
        """As of slices."""
        found = judged_guards(self.evaluation, self.plan.spec.gate)
        return tuple((comparison, _FINDINGS[verdict]) for comparison, verdict in found)

    def render(self) -> str:
        return render_template(
            "retraining_page.html.jinja",
            page=self,
            validation=_draw_scores([(each.name, each.score, each.mark) for each in self.competitors]),
            gate=_draw_scores(list(_gate_scores(self.evaluation))),
            difference=_draw_difference(self.evaluation, margin=self.margin),
            rows=_draw_intervals(self.plan, self.evaluation.refit),
            width=WIDTH,
            labels=LABELS_WIDTH,
            values=VALUES_WIDTH,
        )


# --- drawings: positions in pixels, y grows downwards ------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnScore:
    name: str
    mark: str
    y: float
    low: float
    value: float
    high: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnScores:
    scores: Sequence[DrawnScore]
    ticks: Sequence[Tick]
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnDifference:
    """`zero`: where there is no difference. `worst`: the largest loss that the gate's margin allows."""

    low: float
    value: float
    high: float
    zero: float
    worst: float
    ticks: Sequence[Tick]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnInterval:
    name: str
    mark: str
    y: float
    x: float
    width: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnIntervals:
    intervals: Sequence[DrawnInterval]
    ticks: Sequence[Tick]
    height: float


def _gate_scores(evaluation: Evaluation) -> Iterator[tuple[str, Score | None, str]]:
    if evaluation.champion_score is not None:
        yield f"champion {evaluation.champion_version}", evaluation.champion_score, "lost"
    yield "contender", evaluation.contender_score, "chosen"


def _draw_scores(scores: Sequence[tuple[str, Score | None, str]]) -> DrawnScores:
    there = [(name, score, mark) for name, score, mark in scores if score is not None]
    axis = _axis_around([end for _, score, _ in there for end in (score.low, score.high)])
    drawn = [
        DrawnScore(
            name=name,
            mark=mark,
            y=ROW_HEIGHT * (place + 0.5),
            low=axis.at(score.low),
            value=axis.at(score.value),
            high=axis.at(score.high),
            text=f"{score.value:.4f} [{score.low:.4f}, {score.high:.4f}]",
        )
        for place, (name, score, mark) in enumerate(there)
    ]
    return DrawnScores(scores=drawn, ticks=axis.ticks(), height=ROW_HEIGHT * len(drawn))


def _draw_difference(evaluation: Evaluation, *, margin: float) -> DrawnDifference | None:
    difference = evaluation.difference
    if difference is None:
        return None
    worst = -margin if evaluation.contender_score.metric.higher_is_better else margin
    axis = _axis_around([difference.low, difference.high, 0.0, worst])
    return DrawnDifference(
        low=axis.at(difference.low),
        value=axis.at(difference.value),
        high=axis.at(difference.high),
        zero=axis.at(0.0),
        worst=axis.at(worst),
        ticks=axis.ticks(signed=True),
    )


def _draw_intervals(plan: TrainingPlan, refit: Contender | None) -> DrawnIntervals:
    windows = {each.window.name: each.window.rows for each in plan.candidates}
    again = [] if refit is None else [(f"fitted again: {refit.window.name}", "train", refit.window.rows)]
    named = [
        *((f"train: {name}", "train", rows) for name, rows in windows.items()),
        ("validation: chooses among them", "validation", plan.validation),
        ("gate: champion against contender", "gate", plan.gate),
        *again,
    ]
    first = min(rows.start for _, _, rows in named)
    scale = (WIDTH - LABELS_WIDTH - VALUES_WIDTH) / (plan.watermark - first).total_seconds()

    def x(moment: datetime) -> float:
        return LABELS_WIDTH + scale * (moment - first).total_seconds()

    drawn = [
        DrawnInterval(
            name=name,
            mark=mark,
            y=ROW_HEIGHT * place,
            x=x(rows.start),
            width=x(rows.end) - x(rows.start),
            text=f"{_day(rows.start)} to {_day(rows.end)}, {_days(rows)}",
        )
        for place, (name, mark, rows) in enumerate(named)
    ]
    ticks = [Tick(at=x(moment), text=_day(moment)) for moment in (first, plan.watermark)]
    return DrawnIntervals(intervals=drawn, ticks=ticks, height=ROW_HEIGHT * len(drawn))


def _axis_around(values: Sequence[float]) -> Axis:
    return Axis.around(values, begin=LABELS_WIDTH, end=WIDTH - VALUES_WIDTH)


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _days(rows: Interval) -> str:
    return f"{(rows.end - rows.start) / timedelta(days=1):.3g} days"
