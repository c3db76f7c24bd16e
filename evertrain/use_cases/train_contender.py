"""Tries one candidate: reads its window, fits, converts, scores it on the validation slice. In the last round a
contender is left behind, once the conversion is proven.

What it leaves behind is named by its content or by the decision, so training again replaces nothing but itself.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from evertrain.conversion import check_parity, to_flat
from evertrain.conversion.frame import to_frame
from evertrain.domain.model_spec import ModelSpec
from evertrain.domain.training import Candidate, Contender, Round, SmokeTest, TrainingPlan, Trial
from evertrain.ports.artifacts import Artifacts
from evertrain.ports.runs import Runs
from evertrain.scoring import FlatModel
from evertrain.statistics.comparison import score
from evertrain.statistics.reference import Reference, build_prediction_reference, build_reference
from evertrain.use_cases.arrow_columns import as_column
from evertrain.use_cases.labelled_rows import LabelledRows, TrainingRows, UnusableRows, days_of

logger = logging.getLogger(__name__)

PARITY_ROWS = 2_000
"""How many training rows the artifact is compared with the estimator on. More would find nothing new in a tree."""

SMOKE_TEST_ROWS = 8


@dataclass(frozen=True, kw_only=True)
class TrainContender:
    """`timer` counts seconds; `make_estimator` answers a new, unfitted estimator for a plan and a candidate. `code`:
    what runs here for a model."""

    rows: TrainingRows
    runs: Runs
    artifacts: Artifacts
    make_estimator: Callable[[TrainingPlan, Candidate], Any]
    library_versions: Mapping[str, str]
    code: Callable[[str], Mapping[str, str]]
    timer: Callable[[], float]

    def run(self, plan_uri: str, candidate_name: str, round_number: int) -> Trial:
        """What came of it. Too few rows, or all of one class, are an answer, not a failure: others may be better off.

        Raises UnknownCandidate, ArtifactNotFound.
        """
        plan = self.runs.plan(plan_uri)
        candidate, tried = plan.candidate(candidate_name), self.runs.round(plan, round_number)
        try:
            training, validation = self._read(plan, tried, candidate)
        except UnusableRows as unusable:
            trial = Trial(candidate=candidate, round=tried, rows=0, validation=None, unusable=str(unusable))
        else:
            trial = self._try(plan, tried, candidate, training, validation)
        self.runs.put_trial(plan, trial)
        return trial

    def _read(self, plan: TrainingPlan, tried: Round, candidate: Candidate) -> tuple[LabelledRows, LabelledRows]:
        """The round's rows of the window, and those of the validation slice. Raises UnusableRows."""
        spec, window = plan.spec, candidate.window
        training = LabelledRows(f"window {window.name}", self.rows.labelled(spec, plan, window.rows), spec)
        training.require(minimum_rows=spec.training.minimum_rows)
        training = training.every(tried.one_of)
        training.require(minimum_rows=1)
        validation = LabelledRows("the validation slice", self.rows.labelled(spec, plan, plan.validation), spec)
        validation.require(minimum_rows=1)
        logger.info(
            "rows_read model=%s candidate=%s training=%d validation=%d",
            spec.name,
            candidate.name,
            len(training),
            len(validation),
        )
        return training, validation

    def _try(
        self, plan: TrainingPlan, tried: Round, candidate: Candidate, training: LabelledRows, validation: LabelledRows
    ) -> Trial:
        spec, rng = plan.spec, np.random.default_rng(plan.seed)
        frame = to_frame(training.table, spec.features)
        started = self.timer()
        estimator = self.make_estimator(plan, candidate)
        estimator.fit(frame, training.truth)
        seconds = self.timer() - started
        logger.info(
            "fitted model=%s candidate=%s rows=%d seconds=%.2f", spec.name, candidate.name, len(frame), seconds
        )

        artifact = to_flat(estimator, spec)
        flat = FlatModel.from_bytes(artifact)
        # The artifact is what will answer, so the artifact is what is scored.
        predictions = np.asarray(flat.predict(validation.values(spec.feature_names)))
        found = score(
            spec.metric, validation.truth, predictions, validation.days, rng=rng, confidence=spec.gate.confidence
        )
        if tried.is_last:
            sample = np.sort(rng.permutation(len(training))[:PARITY_ROWS])
            stored = self.artifacts.put(artifact, prefix=f"models/{spec.name}", suffix=".json.gz")
            contender = Contender(
                candidate=candidate,
                training_set=training.training_set(plan, candidate.window.rows),
                validation_set=validation.training_set(plan, plan.validation),
                validation=found,
                artifact_uri=stored.uri,
                artifact_sha256=stored.sha256,
                reference_uri=self._put_reference(
                    spec,
                    training,
                    # Of the validation rows: predictions on training rows would be surer than any to come.
                    prediction=build_prediction_reference(predictions, blocks=validation.days),
                    groups={
                        group.name: self.rows.of_group(spec, group.name, plan, candidate.window.rows)
                        for group in (spec.groups if spec.joined else ())
                    },
                ),
                smoke_test_uri=self.runs.put_smoke_test(plan, _smoke_test(spec, validation, flat)),
                parity=check_parity(estimator, frame.iloc[sample], flat),
                training_seconds=seconds,
                library_versions=self.library_versions,
                code=self.code(spec.name),
            )
            self.runs.put_contender(plan, contender)
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
        return Trial(candidate=candidate, round=tried, rows=len(training), validation=found)

    def _put_reference(
        self, spec: ModelSpec, training: LabelledRows, *, prediction: Reference, groups: Mapping[str, pa.Table]
    ) -> str:
        """`groups`: each feature group's own rows, where there are several."""
        reference = replace(
            _reference_of(training.table, spec, spec.feature_names),
            prediction=prediction,
            groups={name: _reference_of(rows, spec, spec.names_of(name)) for name, rows in groups.items()},
        )
        data = reference.to_bytes()
        return self.artifacts.put(data, prefix=f"references/{spec.name}", suffix=".reference").uri


def _reference_of(rows: pa.Table, spec: ModelSpec, names: Sequence[str]) -> Reference:
    features = [feature for feature in spec.features if feature.name in names]
    columns = {feature.name: as_column(rows[feature.name]) for feature in features}
    slices = [each.column for each in spec.gate.slices if each.column in columns]
    return build_reference(columns, features, blocks=days_of(rows), slices=slices)


def _smoke_test(spec: ModelSpec, validation: LabelledRows, flat: FlatModel) -> SmokeTest:
    """Rows with missing values come first: they are what a broken encoder gets wrong."""
    values = validation.values(spec.feature_names)
    values.sort(key=lambda row: sum(value is None for value in row.values()), reverse=True)
    half = SMOKE_TEST_ROWS // 2
    chosen = values[:half] + values[half:][-half:]
    return SmokeTest(rows=tuple(chosen), predictions=tuple(flat.predict(chosen)))
