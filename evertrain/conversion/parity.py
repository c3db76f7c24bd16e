"""Does the artifact predict what the estimator predicts? Checked on real rows before anything is registered."""

import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evertrain.conversion.fitting import estimator_failed, predicted
from evertrain.conversion.program import UnsupportedEstimator
from evertrain.conversion.rows import rows_of
from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.scoring import FlatModel, ServableModel
from evertrain.scoring.operations.tree_walk import BY_CATEGORY

logger = logging.getLogger(__name__)

Predictions = npt.NDArray[np.float64]
"""Shape (rows,), or (rows, classes) of more than two."""

ALTERED_ONE_IN, MIN_ALTERED_ROWS = 40, 10
"""One row in so many, and at least so many, are also predicted with each feature missing, or unseen."""

ASKED_TOGETHER = 32
"""Of these, so many are predicted by one call, which takes an estimator as long for ten rows as for a thousand."""

THRESHOLDS = 10
"""Of each feature, about so many are tried."""


class ParityError(EvertrainError):
    """The artifact does not predict what its estimator predicts."""


Altered = list[tuple[str, pd.DataFrame]]
"""Rows, and what they are, for people."""


def check_parity(estimator: Any, frame: pd.DataFrame, model: ServableModel) -> float:
    """The largest absolute difference of the two predictions. Raises ParityError above what is tolerated.

    Over the frame's rows, and over some of them as a caller may send them: each nullable feature missing, each number
    at a threshold where trees split, each category unseen. Some estimators raise on what is unseen: then there is no
    answer to compare with; where the estimator itself is what answers, that is refused as UnsupportedEstimator.
    """
    asked = [("as in training", frame), *_with_missing(frame, model), *_at_thresholds(frame, model)]
    compared = [
        *_compare(asked, estimator, model),
        *_compare(_with_unseen(frame, model), estimator, model, may_raise=True),
    ]
    worst = max(compared, key=lambda each: np.inf if np.isnan(each.difference) else each.difference)
    tolerance = tolerance_for(model, compared[0].expected)
    if not worst.difference <= tolerance:  # also refuses a NaN
        raise ParityError(
            f"{model.model}: artifact and estimator differ by {worst.difference:.3g} on rows {worst.what}, allowed "
            f"are {tolerance:.3g}"
        )
    return worst.difference


@dataclass(frozen=True, slots=True)
class Compared:
    """`what`: the rows are. `expected`: the estimator's predictions. `difference`: the largest from the model's."""

    what: str
    expected: Predictions
    difference: float


def _compare(asked: Altered, estimator: Any, model: ServableModel, *, may_raise: bool = False) -> Iterator[Compared]:
    """`may_raise`: what the estimator raises on is left out."""
    for start in range(0, len(asked), ASKED_TOGETHER):
        some = asked[start : start + ASKED_TOGETHER]
        together = _together(some)
        try:
            answers = _predicted(estimator, together, model)
        except Exception:
            logger.info("asked_one_by_one model=%s", model.model)  # which of them it raises on is to be known
            answered = list(_asked_one_by_one(some, estimator, model, may_raise=may_raise))
            if not answered:
                continue
            some, together = [(what, rows) for what, rows, _ in answered], _together([each[:2] for each in answered])
            answers = np.concatenate([answer for _, _, answer in answered])
        given = np.asarray(model.predict(rows_of(together, model)))
        for (what, _), expected, found in zip(some, _parted(answers, some), _parted(given, some), strict=True):
            yield Compared(what, expected, float(np.max(np.abs(expected - found), initial=0.0)))


def _asked_one_by_one(
    asked: Altered, estimator: Any, model: ServableModel, *, may_raise: bool
) -> Iterator[tuple[str, pd.DataFrame, Predictions]]:
    """With the estimator's answer to each. Raises UnsupportedEstimator."""
    for what, rows in asked:
        try:
            yield what, rows, _answer_to(what, rows, estimator, model)
        except UnsupportedEstimator:
            raise
        except Exception:
            if not may_raise:
                raise
            logger.info("no_answer_to_unseen model=%s rows=%r", model.model, what, exc_info=True)


def _together(parts: Altered) -> pd.DataFrame:
    return pd.concat([rows for _, rows in parts], ignore_index=True)


def _parted(answers: Predictions, parts: Altered) -> list[Predictions]:
    return np.split(answers, np.cumsum([len(rows) for _, rows in parts])[:-1])


def _answer_to(what: str, rows: pd.DataFrame, estimator: Any, model: ServableModel) -> Predictions:
    """A flat artifact may answer where its estimator raises; of the other tier they are one."""
    try:
        return _predicted(estimator, rows, model)
    except Exception as error:
        if isinstance(model, FlatModel):
            raise estimator_failed("predict", f"rows {what}", error) from error
        raise UnsupportedEstimator(
            f"{model.model}: the estimator raises {type(error).__name__} on rows {what}, which a caller may send; "
            "give it an imputer, an encoder that takes unknown categories, or declare the feature otherwise"
        ) from error


def tolerance_for(model: ServableModel, predictions: Predictions) -> float:
    """How much the artifact may differ from these predictions of its estimator: large numbers have fewer decimals."""
    largest = max(1.0, float(np.max(np.abs(predictions), initial=0.0)))
    return largest * model.tolerance


def _predicted(estimator: Any, frame: pd.DataFrame, model: ServableModel) -> Predictions:
    with warnings.catch_warnings():
        # Unseen categories are asked for on purpose.
        warnings.filterwarnings("ignore", message="Found unknown categories", category=UserWarning)
        return predicted(estimator, frame, model.task, classes=len(model.classes))


def _with_missing(frame: pd.DataFrame, model: ServableModel) -> Altered:
    """Some rows, once for each nullable feature. A sample's rows may not have all that the schema allows."""
    return [
        (f"without {feature.name}", _with_value(frame, feature.name, None))
        for feature in model.features
        if feature.nullable
    ]


def _at_thresholds(frame: pd.DataFrame, model: ServableModel) -> Altered:
    """A row for some thresholds of each feature that trees compare as it is, and for the next number above each."""
    if not isinstance(model, FlatModel):
        return []  # the trees themselves answer
    altered = []
    for name, thresholds in _thresholds(model).items():
        if not len(thresholds):
            continue
        chosen = thresholds[:: max(1, len(thresholds) // THRESHOLDS)]
        values = np.concatenate([chosen, np.nextafter(chosen, np.inf)])
        some = frame.iloc[np.arange(len(values)) % len(frame)]
        altered.append((f"with {name} at a threshold", some.assign(**{name: values})))
    return altered


def _thresholds(model: FlatModel) -> dict[str, npt.NDArray[np.float64]]:
    """Of each numeric feature that reaches trees as it is, filled or rounded to 32 bits, where they split."""
    names = {
        slot: each.name
        for slot, each in enumerate(model.features)
        if each.kind in (FeatureKind.NUMERIC, FeatureKind.TIMESTAMP)
    }
    found: dict[str, list[npt.NDArray[np.float64]]] = {}
    slots = len(model.features)
    for step in model.steps:
        if step.operation in ("number", "fill", "float32"):
            names |= {slots + index: names[slot] for index, slot in enumerate(step.inputs) if slot in names}
        elif step.operation == "trees":
            feature, threshold, flags = (
                np.asarray(step.parameters[name]) for name in ("feature", "threshold", "flags")
            )
            for index, slot in enumerate(step.inputs):
                if slot in names:
                    splits = threshold[(feature == index) & (flags & BY_CATEGORY == 0)]
                    found.setdefault(names[slot], []).append(splits[np.abs(splits) < np.finfo(np.float32).max])
        slots += len(step.outputs)
    return {name: np.unique(np.concatenate(some)) for name, some in found.items()}


def _with_unseen(frame: pd.DataFrame, model: ServableModel) -> Altered:
    """Some rows, once for each category."""
    names = [feature.name for feature in model.features if feature.kind is FeatureKind.CATEGORICAL]
    levels = {name: _unseen(frame[name]) for name in names}
    wide = frame.assign(**{name: frame[name].cat.add_categories([level]) for name, level in levels.items()})
    return [(f"of an unseen {name}", _with_value(wide, name, level)) for name, level in levels.items()]


def _with_value(frame: pd.DataFrame, name: str, value: str | None) -> pd.DataFrame:
    some = frame.head(max(MIN_ALTERED_ROWS, len(frame) // ALTERED_ONE_IN))
    return some.assign(**{name: pd.Series([value] * len(some), index=some.index, dtype=frame[name].dtype)})


def _unseen(values: "pd.Series[str]") -> str:
    """Sorted behind all others: XGBoost takes one that sorts between two known ones for one of these."""
    return max(values.cat.categories, default="") + "?"
