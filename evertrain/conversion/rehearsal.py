"""Fits an estimator on made-up rows and converts it, so that what cannot be served is known before anything runs."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from evertrain.conversion.fitting import fit
from evertrain.conversion.flat import UnsupportedEstimator, to_flat
from evertrain.conversion.frame import to_frame
from evertrain.conversion.parity import check_parity
from evertrain.conversion.rows import rows_of
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.metric import Task
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.policies import Tier
from evertrain.scoring import FlatModel, ServableModel
from evertrain.scoring.explanations import NotExplainable, Scale, explainer_of

ROWS = 500
_LEVELS = 8
_MISSING = 0.1
_TIMED, _EXPLAINED = 50, 5


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What came of it. `size`: of the artifact, in bytes. `seconds_a_row`: to predict one, its median. `parity`: by
    how much artifact and estimator differ at most. `not_flat`: why the estimator has no flat form, where it has none.
    `explained`: on which scale predictions can be explained, or why they cannot. `seconds_explained`: of a row, where
    they can.
    """

    tier: Tier
    size: int
    seconds_a_row: float
    parity: float
    explained: Scale | str
    seconds_explained: float | None = None
    not_flat: str = ""


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a fitted estimator becomes an artifact, of itself and its frame; and how that is read."""

    write: Callable[[Any, ModelSpec, pd.DataFrame], bytes]
    read: Callable[[bytes], ServableModel]


FLAT = Form(write=lambda estimator, spec, rows: to_flat(estimator, spec, rows=rows), read=FlatModel.from_bytes)


def rehearse(
    estimator: Any,
    spec: ModelSpec,
    *,
    rng: np.random.Generator,
    timer: Callable[[], float],
    rows: int = ROWS,
    form: Form = FLAT,
) -> Rehearsal:
    """Fits, converts and compares on rows that fit the schema, with missing values, extremes and unseen categories.

    `timer`: counts seconds. `form`: of the model's tier. Raises UnsupportedEstimator, ParityError; and
    EstimatorFailed where it raises on made-up rows, which real ones may not make it do.
    """
    frame = to_frame(made_up_table(spec, rng=rng, rows=rows), spec.features)
    truth = made_up_truth(spec, rng=rng, rows=rows)
    fit(estimator, frame, truth, None, rows="made-up rows")
    artifact = form.write(estimator, spec, frame)
    model = form.read(artifact)
    parity = check_parity(estimator, frame, model)
    timed = rows_of(frame.head(_TIMED), model)
    explained, explain = _explained(model)
    return Rehearsal(
        tier=spec.endpoint.tier,
        size=len(artifact),
        seconds_a_row=median(_seconds(model.predict, row, timer) for row in timed),
        parity=parity,
        not_flat="" if spec.endpoint.tier is Tier.FLAT else _why_not_flat(estimator, spec),
        explained=explained,
        seconds_explained=explain and median(_seconds(explain, row, timer) for row in timed[:_EXPLAINED]),
    )


def _explained(model: ServableModel) -> tuple[Scale | str, Callable[[list[Any]], Any] | None]:
    try:
        explainer = explainer_of(model)
    except NotExplainable as reason:
        return str(reason), None
    return explainer.scale, explainer.explain


def _why_not_flat(estimator: Any, spec: ModelSpec) -> str:
    try:
        to_flat(estimator, spec)
    except UnsupportedEstimator as error:
        return str(error)
    return ""


def made_up_table(spec: ModelSpec, *, rng: np.random.Generator, rows: int) -> pa.Table:
    """A column for each feature, by its kind and bounds."""
    return pa.table({column.name: _made_up(column, rng, rows) for column in spec.features})


def _made_up(column: Column, rng: np.random.Generator, rows: int) -> pa.Array:
    missing = (rng.random(rows) < _MISSING) if column.nullable else np.zeros(rows, dtype=bool)
    if column.kind is FeatureKind.CATEGORICAL:
        return pa.array([f"level {code}" for code in rng.integers(0, _LEVELS, rows)], pa.string(), mask=missing)
    if column.kind is FeatureKind.BOOLEAN:
        return pa.array(rng.random(rows) < 0.5, mask=missing)
    if column.kind is FeatureKind.TIMESTAMP:
        return pa.array(rng.gamma(2.0, 30.0, rows), mask=missing)  # as the model sees it: an age in days
    return pa.array(_numbers(column, rng, rows), mask=missing)


def _numbers(column: Column, rng: np.random.Generator, rows: int) -> npt.NDArray[np.float64]:
    """Within the bounds, both of them among it; without bounds, positive ones of many sizes."""
    if column.minimum is None and column.maximum is None:
        return rng.gamma(2.0, 10.0, rows)
    low = column.minimum if column.minimum is not None else float(column.maximum or 0.0) - 100.0
    high = column.maximum if column.maximum is not None else low + 100.0
    numbers = rng.uniform(low, high, rows)
    numbers[:2] = low, high
    return numbers


def made_up_truth(spec: ModelSpec, *, rng: np.random.Generator, rows: int) -> npt.NDArray[np.float64]:
    """Shape (rows,): 0 and 1, the numbers of more classes, or positive numbers."""
    if spec.is_multiclass:
        return rng.permutation(np.arange(rows) % len(spec.label.classes)).astype(np.float64)
    if spec.task is Task.CLASSIFICATION:
        return (rng.random(rows) < 0.3).astype(np.float64)
    return rng.gamma(2.0, 10.0, rows)


def made_up_predictions(
    spec: ModelSpec, truth: npt.NDArray[np.float64], *, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Shape (rows,), or (rows, classes) of more than two; none the better for the truth."""
    if spec.prediction_columns is not None:
        return rng.dirichlet(np.ones(spec.prediction_columns), len(truth))
    return rng.random(len(truth)) if spec.task is Task.CLASSIFICATION else rng.permutation(truth)


def _seconds(answer: Callable[[list[Any]], Any], row: Any, timer: Callable[[], float]) -> float:
    started = timer()
    answer([row])
    return timer() - started
