"""Trains one contender: reads its window, fits, converts, proves the conversion, scores it on the validation slice.

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
from evertrain.domain.errors import EvertrainError
from evertrain.domain.model_spec import ModelSpec, Project
from evertrain.domain.training import Contender, SmokeTest, TrainingPlan, Window
from evertrain.ports.artifacts import Artifacts
from evertrain.ports.runs import Runs
from evertrain.scoring import FlatModel
from evertrain.statistics.comparison import score
from evertrain.statistics.reference import Reference, build_prediction_reference, build_reference
from evertrain.use_cases.arrow_columns import as_column
from evertrain.use_cases.labelled_rows import LabelledRows, TrainingRows, days_of

logger = logging.getLogger(__name__)

PARITY_ROWS = 2_000
"""How many training rows the artifact is compared with the estimator on. More would find nothing new in a tree."""

SMOKE_TEST_ROWS = 8


class UnknownWindow(EvertrainError):
    """The plan has no window of this name."""


@dataclass(frozen=True, kw_only=True)
class TrainContender:
    """`timer` counts seconds; `make_estimator` answers a new, unfitted estimator for a model and a seed."""

    project: Project
    rows: TrainingRows
    runs: Runs
    artifacts: Artifacts
    make_estimator: Callable[[ModelSpec, int], Any]
    library_versions: Mapping[str, str]
    timer: Callable[[], float]

    def run(self, plan_uri: str, window_name: str) -> Contender:
        """Raises UnknownWindow, UnusableRows."""
        plan = self.runs.plan(plan_uri)
        spec = self.project.models[plan.model]
        window = _window(plan, window_name)
        training = LabelledRows(f"window {window.name}", self.rows.labelled(spec, plan, window.rows), spec)
        training.require(minimum_rows=spec.training.minimum_rows)
        validation = LabelledRows("the validation slice", self.rows.labelled(spec, plan, plan.validation), spec)
        validation.require(minimum_rows=1)
        logger.info(
            "rows_read model=%s window=%s training=%d validation=%d",
            spec.name,
            window.name,
            len(training),
            len(validation),
        )
        contender = self._train(spec, plan, window, training, validation)
        self.runs.put_contender(plan, contender)
        return contender

    def _train(
        self, spec: ModelSpec, plan: TrainingPlan, window: Window, training: LabelledRows, validation: LabelledRows
    ) -> Contender:
        rng = np.random.default_rng(plan.seed)
        frame = to_frame(training.table, spec.features)
        started = self.timer()
        estimator = self.make_estimator(spec, plan.seed)
        estimator.fit(frame, training.truth)
        training_seconds = self.timer() - started
        logger.info("fitted model=%s window=%s seconds=%.2f", spec.name, window.name, training_seconds)

        artifact = to_flat(estimator, spec)
        flat = FlatModel.from_bytes(artifact)
        sample = np.sort(rng.permutation(len(training))[:PARITY_ROWS])
        parity = check_parity(estimator, frame.iloc[sample], flat)
        # The artifact is what will answer, so the artifact is what is scored.
        predictions = np.asarray(flat.predict(validation.values(spec.feature_names)))
        stored = self.artifacts.put(artifact, prefix=f"models/{spec.name}", suffix=".json.gz")
        return Contender(
            window=window,
            rows=len(training),
            validation=score(
                spec.metric,
                validation.truth,
                predictions,
                validation.days,
                rng=rng,
                confidence=spec.gate.confidence,
            ),
            artifact_uri=stored.uri,
            artifact_sha256=stored.sha256,
            reference_uri=self._put_reference(
                spec,
                training,
                # Of the validation rows: predictions on training rows would be surer than any to come.
                prediction=build_prediction_reference(predictions, blocks=validation.days),
                groups={
                    group.name: self.rows.of_group(spec, group.name, plan, window.rows)
                    for group in (spec.groups if spec.joined else ())
                },
            ),
            smoke_test_uri=self.runs.put_smoke_test(plan, _smoke_test(spec, validation, flat)),
            parity=parity,
            training_seconds=training_seconds,
            library_versions=self.library_versions,
        )

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


def _window(plan: TrainingPlan, name: str) -> Window:
    for window in plan.windows:
        if window.name == name:
            return window
    planned = ", ".join(window.name for window in plan.windows)
    raise UnknownWindow(f"decision {plan.decision_id} plans the windows {planned}, not {name!r}")


def _smoke_test(spec: ModelSpec, validation: LabelledRows, flat: FlatModel) -> SmokeTest:
    """Rows with missing values come first: they are what a broken encoder gets wrong."""
    values = validation.values(spec.feature_names)
    values.sort(key=lambda row: sum(value is None for value in row.values()), reverse=True)
    half = SMOKE_TEST_ROWS // 2
    chosen = values[:half] + values[half:][-half:]
    return SmokeTest(rows=tuple(chosen), predictions=tuple(flat.predict(chosen)))
