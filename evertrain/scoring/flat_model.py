"""The flat model format: encoders, then a sum of trees or a weighted sum, then a link. Data only, nothing to execute.

A gzip-compressed JSON document; docs/adr/0004-model-format.md describes it. Trees follow scikit-learn's histogram
gradient boosting to the last bit: the same order of additions, the same way for missing and for unseen values.
"""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.metric import Task
from evertrain.scoring.flat_document import LEAF, read_document
from evertrain.scoring.rows import Feature, Row

_READ_ERRORS = (zlib.error, ValueError, KeyError, TypeError, OverflowError, RecursionError)

Encoder = Callable[[object], float]
Vector = list[float]


class InvalidArtifact(EvertrainError):
    """The bytes are not an artifact in a format that this code reads."""


@dataclass(frozen=True)
class FlatModel:
    """A model as it is served. `encoders` make a vector of a row, `total` sums it, `link` makes it a prediction.
    `document`: what they were made from."""

    model: str
    task: Task
    features: tuple[Feature, ...]
    encoders: tuple[tuple[str, Encoder], ...]
    total: Callable[[Vector], float]
    link: Callable[[float], float]
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_bytes(cls, data: bytes) -> "FlatModel":
        """Raises InvalidArtifact."""
        try:
            document = read_document(data)
            return cls(
                model=document["model"],
                task=Task(document["task"]),
                features=tuple(_feature(entry, document["encoders"]) for entry in document["features"]),
                encoders=tuple((entry["feature"], _encoder(entry)) for entry in document["encoders"]),
                total=_TOTALS[document["total"]["kind"]](document["total"]),
                link=_LINKS[document["link"]],
                document=document,
            )
        except _READ_ERRORS as error:
            raise InvalidArtifact(
                f"the artifact cannot be read: {type(error).__name__}: {str(error)[:200]}"
            ) from error

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    def predict(self, rows: Sequence[Row]) -> list[float]:
        """For each row the probability of the positive class, or the number. Rows are valid: see `validate_rows`."""
        encoders, total, link = self.encoders, self.total, self.link
        return [link(total([encode(row[name]) for name, encode in encoders])) for row in rows]


def _feature(entry: Mapping[str, Any], encoders: Sequence[Mapping[str, Any]]) -> Feature:
    kind = FeatureKind(entry["kind"])
    example = _EXAMPLES[kind]
    if kind is FeatureKind.CATEGORICAL:
        levels = (
            level
            for encoder in encoders
            if encoder["feature"] == entry["name"]
            for level in encoder.get("levels", [encoder.get("level")])
        )
        example = next((level for level in levels if isinstance(level, str)), example)
    return Feature(name=entry["name"], kind=kind, nullable=entry["nullable"], example=example)


_EXAMPLES: Mapping[FeatureKind, float | str | bool] = {
    FeatureKind.NUMERIC: 1.0,
    FeatureKind.CATEGORICAL: "text",
    FeatureKind.BOOLEAN: True,
    FeatureKind.TIMESTAMP: "2025-12-31T23:59:00Z",
}


# --- encoders: from a row's value to a number; NaN is missing ----------------------------------------


def _encoder(entry: Mapping[str, object]) -> Encoder:
    match entry:
        case {"kind": "number"}:
            return _number_encoder(entry)
        case {"kind": "code", "levels": list(levels)}:
            codes = {level: float(code) for code, level in enumerate(levels) if level is not None}
            return lambda value: codes.get(value, math.nan)
        case {"kind": "is", "level": level}:
            return lambda value: 1.0 if value == level else 0.0
    raise ValueError(f"encoder {entry.get('kind')!r}")


def _number_encoder(entry: Mapping[str, object]) -> Encoder:
    fill, shift, scale = (entry.get(name) for name in ("fill", "shift", "scale"))
    filled = math.nan if fill is None else float(fill)  # type: ignore[arg-type]
    if shift is None and scale is None:
        return lambda value: filled if value is None else float(value)  # type: ignore[arg-type]
    minus, by = float(shift or 0.0), float(scale or 1.0)  # type: ignore[arg-type]
    return lambda value: ((filled if value is None else float(value)) - minus) / by  # type: ignore[arg-type]


# --- totals: from the vector to one number --------------------------------------------------------


def _weighted_sum(document: Mapping[str, object]) -> Callable[[Vector], float]:
    intercept, weights = float(document["intercept"]), [float(w) for w in document["weights"]]  # type: ignore[arg-type, attr-defined]
    return lambda vector: sum((x * w for x, w in zip(vector, weights, strict=True)), intercept)


def _sum_of_trees(document: Mapping[str, object]) -> Callable[[Vector], float]:
    """Each tree is a set of parallel lists, indexed by node; node 0 is the root.

    feature: index into the vector, -1 for a leaf. threshold: at most this goes left. levels: codes that go left,
    where the split is by category. missing: whether what is missing goes left. value: of a leaf.
    """
    start = float(document["start"])  # type: ignore[arg-type]
    trees = [
        (
            tree["feature"],
            tree["threshold"],
            [None if levels is None else frozenset(map(float, levels)) for levels in tree["levels"]],
            tree["missing"],
            tree["left"],
            tree["right"],
            tree["value"],
        )
        for tree in document["trees"]  # type: ignore[attr-defined]
    ]

    def total(vector: Vector) -> float:
        result = start
        for feature, threshold, levels, missing, left, right, value in trees:
            node = 0
            while (index := feature[node]) != LEAF:
                x = vector[index]
                if x != x:  # noqa: PLR0124  # NaN, at a third of what math.isnan costs
                    goes_left = missing[node]
                elif (some := levels[node]) is not None:
                    goes_left = x in some
                else:
                    goes_left = x <= threshold[node]
                node = left[node] if goes_left else right[node]
            result += value[node]
        return result

    return total


_TOTALS = {"trees": _sum_of_trees, "linear": _weighted_sum}


# --- links: from the total to a prediction --------------------------------------------------------


def _logistic(total: float) -> float:
    # Two forms, so that no exponent overflows.
    if total >= 0:
        return 1.0 / (1.0 + math.exp(-total))
    grown = math.exp(total)
    return grown / (1.0 + grown)


def _exponential(total: float) -> float:
    try:
        return math.exp(total)
    except OverflowError:
        return math.inf  # as in numpy


_LINKS: Mapping[str, Callable[[float], float]] = {
    "identity": lambda total: total,
    "logistic": _logistic,
    "exponential": _exponential,
}
