"""The best contender against the champion: both artifacts on the same matured rows, which neither has seen."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.policies import MovingWindow
from evertrain.domain.training.evaluation import Contender, Evaluation, Score, SliceComparison, Trial, UnusableRows
from evertrain.domain.training.gate import judge_contender, margin_of
from evertrain.domain.training.plan import TrainingPlan
from evertrain.domain.training.rounds import (
    DAYS_TO_TELL,
    best_contender,
    best_of_longest_window,
    is_clearly_better,
    wins_back,
)
from evertrain.ports.artifacts import ArtifactStore
from evertrain.ports.models import ReadModel
from evertrain.ports.registry import ModelRegistry
from evertrain.ports.runs import RunStore
from evertrain.scoring import FlatModel, ServableModel
from evertrain.statistics.answers import predictions_apart
from evertrain.statistics.comparison import PARTS_OF_A_DAY, Levels, compare, compare_by_guards, compare_slices, score
from evertrain.statistics.metrics import Judging, constant_score, metric_value
from evertrain.tables.labelled_rows import LabelledRows, TrainingRows, describe_other_classes, performance_of

logger = logging.getLogger(__name__)

Predictions = npt.NDArray[np.float64]


class ChampionNotComparable(EvertrainError):
    """The champion needs a feature that the feature group no longer has, or tells other classes apart."""


@dataclass(frozen=True, kw_only=True)
class EvaluateContenders:
    """`refit` answers the contender's recipe, fitted on all rows up to the plan's watermark. `with_reference` answers
    the judged contender itself, with the reference of its training rows. `load_metric` answers what a model is judged
    by, where it is a function of its own, too. `read_model`: of whichever tier; by default of the flat one alone."""

    rows: TrainingRows
    runs: RunStore
    artifacts: ArtifactStore
    registry: ModelRegistry
    refit: Callable[[TrainingPlan, Contender], Contender]
    with_reference: Callable[[TrainingPlan, Contender], Contender]
    load_metric: Callable[[ModelSpec], Judging]
    read_model: ReadModel = FlatModel.from_bytes

    def run(self, plan_uri: str, round_number: int) -> Evaluation:
        """`round_number`: of the last round.

        Raises NothingToChoose, ChampionNotComparable, UnusableRows, ArtifactNotFound, ArtifactDigestMismatch.
        """
        plan = self.runs.plan(plan_uri)
        spec = plan.spec
        trials = self.runs.trials(plan, self.runs.round(plan, round_number))
        unusable = tuple(trial for trial in trials if trial.unusable)
        contenders = tuple(self.runs.contenders(plan))
        chosen, choice = self._choose(plan, contenders, unusable)
        champion, trained_until, stand_in = self._champion(plan)
        rows = self._gate_rows(plan, spec, champion)
        contender = self._load(chosen.artifact_uri, chosen.artifact_sha256)
        logger.info(
            "contender_chosen model=%s candidate=%s of=%d gate_rows=%d",
            spec.name,
            chosen.candidate.name,
            len(contenders),
            len(rows),
        )
        metric = self.load_metric(spec)
        evaluation = _evaluate(plan, metric, rows, chosen, contenders, contender=contender, champion=champion)
        evaluation = replace(evaluation, unusable=unusable, choice=choice, stand_in=stand_in)
        evaluation = replace(evaluation, champion_trained_until=trained_until)
        if spec.training.refit and judge_contender(evaluation, spec.gate).passed:
            evaluation = self._refit(plan, evaluation, rows)
        if not evaluation.final.reference_uri:
            evaluation = replace(evaluation, chosen=self.with_reference(plan, evaluation.chosen))
        self.runs.put_evaluation(plan, evaluation)
        return evaluation

    def _choose(
        self, plan: TrainingPlan, contenders: tuple[Contender, ...], unusable: tuple[Trial, ...]
    ) -> tuple[Contender, str]:
        """The contender that goes to the gate, and why where that is not plain from the scores."""
        best = best_contender(contenders, unusable)
        longest = best_of_longest_window(contenders)
        if best is longest:
            return best, ""
        spec = plan.spec
        rows = LabelledRows("the validation slice", self.rows.read_labelled(spec, plan, plan.validation), spec)
        of_longest, of_best = (
            rows.predict_with(self._load(each.artifact_uri, each.artifact_sha256)) for each in (longest, best)
        )
        metric, gain = self.load_metric(spec), abs(best.validation.value - longest.validation.value)
        paired = compare(metric, rows.truth, of_longest, of_best, rows.days, weights=rows.weights)
        # A single day cannot tell how days differ, and so not which window is better.
        error = paired.spread.standard_error if paired.days > 1 else float("inf")
        if paired.days < DAYS_TO_TELL and plan.lost and best.window.name == MovingWindow.SINCE_CHANGE:
            parts = np.arange(len(rows)) * PARTS_OF_A_DAY // len(rows)
            by_parts = compare(metric, rows.truth, of_longest, of_best, parts, weights=rows.weights).spread
            if wins_back(gain, lost=plan.lost, standard_error=by_parts.standard_error):
                days = "a day" if paired.days == 1 else f"{paired.days} days"
                won = f"wins back {gain:.4g} of the {plan.lost:.4g} that the change has cost"
                return best, f"{best.candidate} {won}, on a validation slice of {days}"
        measured = f"by {gain:.4g} on the validation slice, with a standard error of {error:.4g}"
        if is_clearly_better(gain, standard_error=error):
            return best, f"{best.candidate} is better than the longest window {longest.candidate} {measured}"
        return longest, f"the longest window {longest.candidate} is kept: {best.candidate} is better only {measured}"

    def _refit(self, plan: TrainingPlan, evaluation: Evaluation, rows: LabelledRows) -> Evaluation:
        """With the recipe that passed, fitted on all matured rows, unless that went wrong. It has learnt from the
        gate's rows, so on them it must be at least about as good as what was judged."""
        try:
            refit = self.refit(plan, evaluation.chosen)
        except UnusableRows as unusable:
            return replace(evaluation, refit_trouble=str(unusable))
        metric, judged = self.load_metric(plan.spec), evaluation.contender_score.value
        predictions = rows.predict_with(self._load(refit.artifact_uri, refit.artifact_sha256))
        value = metric_value(metric, rows.truth, predictions, rows.weights)
        loss = judged - value if metric.higher_is_better else value - judged
        if not loss <= margin_of(plan.spec.gate, evaluation):  # also refuses a NaN
            trouble = (
                f"fitted again it has {metric} {value:.4f} on rows that it learnt from, against {judged:.4f} before"
            )
            return replace(evaluation, refit_trouble=trouble)
        logger.info(
            "refitted model=%s decision=%s rows=%d until=%s",
            plan.model,
            plan.decision_id,
            refit.rows,
            refit.window.rows.end.isoformat(),
        )
        return replace(evaluation, refit=refit)

    def _champion(self, plan: TrainingPlan) -> tuple[ServableModel | None, datetime | None, str]:
        """The one of the plan, also if another has been promoted since: promotion will refuse that. Where it has
        learnt from rows of the gate, what was judged when it was promoted, and a sentence that says so."""
        if plan.champion_version is None:
            return None, None, ""
        version = self.registry.version(plan.model, plan.champion_version)
        learnt_to = version.window.end
        if version.judged is None or plan.gate.start >= learnt_to + plan.spec.training.embargo:
            return self._load(version.artifact_uri, version.artifact_sha256), learnt_to, ""
        sentence = (
            f"the champion has learnt from rows up to {learnt_to:%Y-%m-%d}, so the same recipe stands for it, "
            f"trained on rows up to {version.judged.trained_until:%Y-%m-%d}"
        )
        judged = self._load(version.judged.artifact_uri, version.judged.artifact_sha256)
        return judged, version.judged.trained_until, sentence

    def _load(self, uri: str, sha256: str) -> ServableModel:
        return self.read_model(self.artifacts.get(uri, expected_sha256=sha256))

    def _gate_rows(self, plan: TrainingPlan, spec: ModelSpec, champion: ServableModel | None) -> LabelledRows:
        """With the champion's features too: a model may have got or lost some since it was trained."""
        champion_features = () if champion is None else champion.feature_names
        if gone := spec.missing_features(champion_features):
            files = " or ".join(f"features/{group.name}.toml" for group in spec.groups)
            raise ChampionNotComparable(
                f"{spec.name}: champion {plan.champion_version} needs {', '.join(gone)}, which {files} no longer has"
            )
        if champion is not None and (other := describe_other_classes(champion, spec)):
            raise ChampionNotComparable(f"{spec.name}: champion {plan.champion_version}: {other}")
        extended_spec = spec.with_features(champion_features)
        rows = LabelledRows("the gate slice", self.rows.read_labelled(extended_spec, plan, plan.gate), extended_spec)
        rows.require_usable(minimum_rows=spec.gate.minimum_rows, minimum_days=spec.gate.minimum_days)
        return rows


def _evaluate(
    plan: TrainingPlan,
    metric: Judging,
    rows: LabelledRows,
    chosen: Contender,
    contenders: tuple[Contender, ...],
    *,
    contender: ServableModel,
    champion: ServableModel | None,
) -> Evaluation:
    spec, new = plan.spec, rows.predict_with(contender)

    def score_of(predictions: Predictions) -> Score:
        return score(
            metric,
            rows.truth,
            predictions,
            rows.days,
            weights=rows.weights,
            confidence=spec.gate.confidence,
        )

    evaluation = Evaluation(
        decision_id=plan.decision_id,
        chosen=chosen,
        contenders=contenders,
        gate_set=rows.snapshot(plan, plan.gate),
        contender_score=score_of(new),
        champion_version=plan.champion_version,
        champion_score=None,
        difference=None,
        constant_score=constant_score(metric, rows.truth, rows.weights, classes=spec.prediction_columns),
        promised=performance_of(rows, new, until=plan.gate.end),
    )
    if champion is None:
        return evaluation
    old = rows.predict_with(champion)
    paired = compare(metric, rows.truth, old, new, rows.days, weights=rows.weights)
    return replace(
        evaluation,
        champion_score=score_of(old),
        difference=paired.difference(spec.gate.confidence),
        slices=_slices(metric, spec, rows, old, new),
        apart=predictions_apart(
            spec.task, old, new, {each.column: list(rows.levels(each.column)) for each in spec.gate.slices}
        ),
        guards=compare_by_guards(
            spec.gate.guards,
            rows.truth,
            old,
            new,
            rows.days,
            weights=rows.weights,
            confidence=spec.gate.confidence,
        ),
    )


def _slices(
    metric: Judging, spec: ModelSpec, rows: LabelledRows, old: Predictions, new: Predictions
) -> tuple[SliceComparison, ...]:
    return compare_slices(
        metric,
        rows.truth,
        old,
        new,
        rows.days,
        slices=[
            Levels(column=each.column, of_rows=rows.levels(each.column), minimum_rows=each.minimum_rows)
            for each in spec.gate.slices
        ],
        weights=rows.weights,
        confidence=spec.gate.confidence,
    )
