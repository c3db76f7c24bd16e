"""Tries one candidate: reads its window, fits, converts, scores it on the validation slice. In the last round a
contender is left behind, once the conversion is proven.

What it leaves behind is named by its content or by the decision, so training again replaces nothing but itself.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from evertrain.conversion import check_parity
from evertrain.conversion.fitting import fit
from evertrain.conversion.frame import to_frame
from evertrain.domain.deployment.prefixes import ArtifactPrefix
from evertrain.domain.landing.feeds import EVENT_TIME
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.policies import ARTIFACT_SUFFIXES
from evertrain.domain.training.candidates import Candidate, Round
from evertrain.domain.training.evaluation import (
    Contender,
    DatasetSnapshot,
    Score,
    SmokeTest,
    Trial,
    UnusableRows,
)
from evertrain.domain.training.plan import TrainingPlan
from evertrain.domain.training.windows import refit_window
from evertrain.ports.artifacts import ArtifactStore
from evertrain.ports.models import ReadModel
from evertrain.ports.runs import RunStore
from evertrain.scoring import FlatModel, ServableModel
from evertrain.sklearn_tier.writing import to_artifact
from evertrain.statistics.blocks import batch_blocks
from evertrain.statistics.comparison import score
from evertrain.statistics.metrics import Judging
from evertrain.statistics.reference import Reference, build_prediction_reference, build_reference
from evertrain.tables.columns import as_column
from evertrain.tables.importance import permutation_importance
from evertrain.tables.labelled_rows import LabelledRows, TrainingRows

logger = logging.getLogger(__name__)

PARITY_ROWS, PARITY_ROWS_OF_A_CANDIDATE = 2_000, 400
"""How many training rows the artifact is compared with the estimator on. More would find nothing new in a tree; and
fewer are enough where what goes out will be fitted and compared once more."""

SMOKE_TEST_ROWS = 8

"""Of an artifact's name."""

_ON_ALL_ROWS = Round(number=0, stride=1, candidates=())


@dataclass(frozen=True, kw_only=True)
class TrainContender:
    """`timer` counts seconds; `make_estimator` answers a new, unfitted estimator for a plan and a candidate. `code`:
    what runs here for a model. `load_metric`: by what a model is judged, also where it is a function of its own.
    `read_model`: of whichever tier; by default of the flat one alone."""

    rows: TrainingRows
    runs: RunStore
    artifacts: ArtifactStore
    make_estimator: Callable[[TrainingPlan, Candidate], Any]
    library_versions: Mapping[str, str]
    code: Callable[[str], Mapping[str, str]]
    timer: Callable[[], float]
    load_metric: Callable[[ModelSpec], Judging]
    read_model: ReadModel = FlatModel.from_bytes

    def run(self, plan_uri: str, candidate_name: str, round_number: int) -> Trial:
        """What came of it. Too few rows, or all of one class, are an answer, not a failure: others may be better off.

        Raises UnknownCandidate, ArtifactNotFound.
        """
        plan = self.runs.plan(plan_uri)
        candidate, current_round = plan.candidate(candidate_name), self.runs.round(plan, round_number)
        try:
            goes_out = current_round.is_last and not plan.spec.training.refit
            fitted = self._fit(plan, current_round, candidate, goes_out=goes_out)
        except UnusableRows as unusable:
            trial = Trial(candidate=candidate, round=current_round, rows=0, validation=None, unusable=str(unusable))
        else:
            trial = self._validate(plan, current_round, candidate, fitted)
        self.runs.put_trial(plan, trial)
        return trial

    def refit(self, plan: TrainingPlan, judged: Contender) -> Contender:
        """The judged contender's recipe once more, on all rows up to the watermark. Raises UnusableRows."""
        window = refit_window(judged.window, watermark=plan.watermark)
        candidate = replace(judged.candidate, window=window)
        fitted = self._fit(plan, _ON_ALL_ROWS, candidate, goes_out=True)
        artifact = to_artifact(fitted.estimator, plan.spec, fitted.sample)
        return self._contender(
            plan,
            candidate,
            fitted,
            artifact=artifact,
            model=self.read_model(artifact),
            validation=judged.validation,
            judged=judged,
        )

    def with_reference(self, plan: TrainingPlan, judged: Contender) -> Contender:
        """A contender that is to go out as it was judged, although another was to be fitted in its place. Raises
        UnusableRows."""
        rows = self._window_rows(plan, _ON_ALL_ROWS, judged.candidate)
        reference = _reference_of(rows.table, plan, plan.spec.group.name, plan.spec.feature_names)
        return self._with_reference(plan, judged, reference, self._validation_rows(plan), judged=judged)

    def _with_reference(
        self,
        plan: TrainingPlan,
        released: Contender,
        reference: Reference,
        validation: LabelledRows,
        *,
        judged: Contender,
    ) -> Contender:
        """What may go out, with the reference that its batches will be compared with: of its training rows, and of
        each feature group's own where there are several.

        Of predictions those of the judged contender stand in it, on rows that this one has not learnt from: on
        training rows they would be surer than any to come. So does what its features are worth.
        """
        spec = plan.spec
        model = self.read_model(self.artifacts.get(judged.artifact_uri, expected_sha256=judged.artifact_sha256))
        of_groups = {
            group.name: _reference_of(
                self.rows.read_group(spec, group.name, plan, released.window.rows),
                plan,
                group.name,
                spec.feature_names_from(group.name),
            )
            for group in (spec.groups if spec.joined else ())
        }
        whole = replace(
            reference,
            prediction=build_prediction_reference(
                validation.predict_with(model), blocks=validation.days, classes=spec.label.classes
            ),
            groups=of_groups,
        ).with_importance(
            permutation_importance(
                validation, model, metric=self.load_metric(spec), rng=np.random.default_rng(plan.seed)
            )
        )
        prefix = f"{ArtifactPrefix.REFERENCES}/{spec.name}"
        stored = self.artifacts.put(whole.to_bytes(), prefix=prefix, suffix=".reference")
        return replace(released, reference_uri=stored.uri)

    def _validation_rows(self, plan: TrainingPlan) -> LabelledRows:
        """Raises UnusableRows."""
        rows = LabelledRows(
            "the validation slice", self.rows.read_labelled(plan.spec, plan, plan.validation), plan.spec
        )
        rows.require_usable(minimum_rows=1)
        return rows

    def _window_rows(self, plan: TrainingPlan, current_round: Round, candidate: Candidate) -> LabelledRows:
        """The round's rows of the window. Raises UnusableRows."""
        spec, window = plan.spec, candidate.window
        rows = LabelledRows(f"window {window.name}", self.rows.read_labelled(spec, plan, window.rows), spec)
        rows.require_usable(minimum_rows=spec.training.minimum_rows)
        rows = rows.take_every(current_round.stride)
        rows.require_usable(minimum_rows=1)
        logger.info("rows_read model=%s candidate=%s training=%d", spec.name, candidate.name, len(rows))
        return rows

    def _fit(
        self, plan: TrainingPlan, current_round: Round, candidate: Candidate, *, goes_out: bool
    ) -> "FittedCandidate":
        """Everything that is needed from the window. While the estimator is fitted, its rows are in memory once, as
        the data frame. `goes_out`: it may go out as it is, and no other is fitted in its place.

        Raises UnusableRows, UnsupportedEstimator.
        """
        spec, rows = plan.spec, self._window_rows(plan, current_round, candidate)
        validation = self._validation_rows(plan)
        training_set = rows.snapshot(plan, candidate.window.rows) if current_round.is_last else None
        reference = _reference_of(rows.table, plan, spec.group.name, spec.feature_names) if goes_out else None
        frame, truth = to_frame(rows.table, spec.features), rows.truth
        if unseen := rows.unseen_classes:
            names = ", ".join(unseen)
            logger.warning("classes_unseen model=%s candidate=%s classes=%r", spec.name, candidate.name, names)
        weights = rows.weights if spec.training.label_weights else None
        del rows
        compared = PARITY_ROWS if goes_out else PARITY_ROWS_OF_A_CANDIDATE
        chosen = np.sort(np.random.default_rng(plan.seed).permutation(len(frame))[:compared])
        count, sample = len(frame), frame.iloc[chosen].copy()  # before an estimator may change its frame
        pa.default_memory_pool().release_unused()  # or Arrow keeps it for what it may read next
        started = self.timer()
        estimator = self.make_estimator(plan, candidate)
        fit(estimator, frame, truth, weights)
        seconds = self.timer() - started
        logger.info("fitted model=%s candidate=%s rows=%d seconds=%.2f", spec.name, candidate.name, count, seconds)
        return FittedCandidate(
            estimator=estimator,
            validation=validation,
            rows=count,
            sample=sample,
            seconds=seconds,
            training_set=training_set,
            reference=reference,
        )

    def _validate(
        self, plan: TrainingPlan, current_round: Round, candidate: Candidate, fitted: "FittedCandidate"
    ) -> Trial:
        spec, validation = plan.spec, fitted.validation
        artifact = to_artifact(fitted.estimator, spec, fitted.sample)
        model = self.read_model(artifact)
        # The artifact is what will answer, so the artifact is what is scored.
        predictions = validation.predict_with(model)
        validation_score = score(
            self.load_metric(spec),
            validation.truth,
            predictions,
            validation.days,
            weights=validation.weights,
            confidence=spec.gate.confidence,
        )
        if current_round.is_last:
            contender = self._contender(
                plan,
                candidate,
                fitted,
                artifact=artifact,
                model=model,
                validation=validation_score,
            )
            self.runs.put_contender(plan, contender)
        return Trial(candidate=candidate, round=current_round, rows=fitted.rows, validation=validation_score)

    def _contender(
        self,
        plan: TrainingPlan,
        candidate: Candidate,
        fitted: "FittedCandidate",
        *,
        artifact: bytes,
        model: ServableModel,
        validation: Score,
        judged: Contender | None = None,
    ) -> Contender:
        """`judged`: None where it is the one that is judged."""
        if fitted.training_set is None:
            raise ValueError("a candidate that was fitted on some of its rows is no contender")
        spec = plan.spec
        stored = self.artifacts.put(
            artifact, prefix=f"{ArtifactPrefix.MODELS}/{spec.name}", suffix=ARTIFACT_SUFFIXES[spec.endpoint.tier]
        )
        contender = Contender(
            candidate=candidate,
            training_set=fitted.training_set,
            validation_set=fitted.validation.snapshot(plan, plan.validation),
            validation=validation,
            artifact_uri=stored.uri,
            artifact_sha256=stored.sha256,
            smoke_test_uri=self.runs.put_smoke_test(plan, _smoke_test(spec, fitted.validation, model)),
            parity=check_parity(fitted.estimator, fitted.sample, model),
            training_seconds=fitted.seconds,
            library_versions=self.library_versions,
            code=self.code(spec.name),
        )
        logger.info(
            "contender_trained model=%s candidate=%s rows=%d sha256=%s parity=%.1e artifact=%s %s",
            spec.name,
            candidate.name,
            contender.rows,
            contender.training_set.sha256[:12],
            contender.parity,
            contender.artifact_uri,
            " ".join(f"{name}={version}" for name, version in contender.library_versions.items()),
        )
        if fitted.reference is None:
            return contender
        return self._with_reference(plan, contender, fitted.reference, fitted.validation, judged=judged or contender)


@dataclass(frozen=True, kw_only=True)
class FittedCandidate:
    """What is kept of a window. `sample`: some of its rows. `training_set`: in the last round only. `reference`: of
    what may go out. `validation`: the rows that it is to be scored on."""

    estimator: Any
    validation: LabelledRows
    rows: int
    sample: pd.DataFrame
    seconds: float
    training_set: DatasetSnapshot | None
    reference: Reference | None


def _reference_of(rows: pa.Table, plan: TrainingPlan, group: str, names: Sequence[str]) -> Reference:
    """Of the features with these names, for batches of the group."""
    features = [feature for feature in plan.spec.features if feature.name in names]
    columns = {feature.name: as_column(rows[feature.name]) for feature in features}
    slices = [each.column for each in plan.spec.gate.slices if each.column in columns]
    blocks = batch_blocks(rows[EVENT_TIME].to_numpy(), batch_length=plan.batch_lengths.get(group))
    return build_reference(columns, features, blocks=blocks, slices=slices)


def _smoke_test(spec: ModelSpec, validation: LabelledRows, model: ServableModel) -> SmokeTest:
    """Rows with missing values come first: they are what a broken encoder gets wrong."""
    columns = (validation.table[name] for name in spec.feature_names)
    missing = sum(pc.cast(pc.is_null(column, nan_is_null=True), pa.int8()).to_numpy() for column in columns)
    rows, half = np.argsort(-missing, kind="stable"), SMOKE_TEST_ROWS // 2
    table = validation.table.take(np.append(rows[:half], rows[half:][-half:]))
    chosen = replace(validation, table=table).to_records(spec.feature_names)
    return SmokeTest(rows=tuple(chosen), predictions=tuple(model.predict(chosen)))
