"""The flat model format: steps from a row's features to its prediction. Data only, nothing to execute.

`container` says how an artifact is laid out, `operations` what a step may do; docs/adr/0004-model-format.md describes
the format. Numbers follow the estimator's to the last digits, with the same way for missing and for unseen values.
"""

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.metric import Task
from evertrain.domain.project.prediction import MAX_CLASSES, Prediction
from evertrain.scoring.container import Header, unpack
from evertrain.scoring.operations import OPERATIONS
from evertrain.scoring.rows import Feature, Row
from evertrain.scoring.steps import Kind, Slots, Step, read_steps
from evertrain.scoring.version_1 import as_version_2

FORMAT, VERSION = "evertrain-flat", 2
MAX_TOLERANCE = 1e-4
_READ_ERRORS = (zlib.error, ValueError, KeyError, TypeError, OverflowError, RecursionError)


class InvalidArtifact(EvertrainError):
    """The bytes are not an artifact in a format that this code reads."""


@dataclass(frozen=True)
class FlatModel:
    """A model as it is served. `steps` make slots of a row's features.

    `answer`: the slot with the prediction: a number, or the probability of the positive class, which is the last of
    `classes` where they have names. Of more than two classes the slots with the probability of each.
    `tolerance`: by how much of its largest answer the estimator may answer otherwise. `means`: of slots, over the
    training rows, as far as explanations need them.
    """

    model: str
    task: Task
    features: tuple[Feature, ...]
    steps: tuple[Step, ...] = field(repr=False)
    answer: int | tuple[int, ...] = field(repr=False)
    classes: tuple[str, ...] = ()
    tolerance: float = 1e-9
    means: Mapping[int, float] = field(default_factory=dict, repr=False)

    @classmethod
    def from_bytes(cls, data: bytes) -> "FlatModel":
        """Raises InvalidArtifact."""
        try:
            container = unpack(data)
            header, arrays = container.header, container.arrays
            if header["format"] != FORMAT or header["version"] not in (1, VERSION):
                raise ValueError(f"not of format {FORMAT} {VERSION}")
            if container.is_version_1 != (header["version"] == 1):
                raise ValueError("its version is not that of its layout")
            if container.is_version_1:
                header, arrays = as_version_2(header)
            return _read(header, arrays)
        except _READ_ERRORS as error:
            raise InvalidArtifact(
                f"the artifact cannot be read: {type(error).__name__}: {str(error)[:200]}"
            ) from error

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    def predict(self, rows: Sequence[Row]) -> list[Prediction]:
        """For each row the probability of the positive class, of each class where there are more than two, or the
        number. Rows are valid: see `validate_rows`."""
        names, runs, answer = self.feature_names, [step.run for step in self.steps], self.answer
        of_slots = itemgetter(*answer) if isinstance(answer, tuple) else itemgetter(answer)
        predictions: list[Prediction] = []
        for row in rows:
            slots: Slots = [row[name] for name in names]
            for run in runs:
                run(slots)
            predictions.append(of_slots(slots))
        return predictions

    def prepare(self) -> None:
        """Does at once what is done otherwise when some rows were answered, so that the next are answered faster."""
        for step in self.steps:
            step.prepare()

    def slots_of(self, row: Row) -> Slots:
        """All that the steps make of a row, its features first."""
        slots: Slots = [row[name] for name in self.feature_names]
        for step in self.steps:
            step.run(slots)
        return slots


def _read(header: Header, arrays: Sequence[Any]) -> FlatModel:
    features = read_features(header["features"])
    if not isinstance(header["model"], str):
        raise ValueError("model is no text")
    steps, kinds = read_steps(header["steps"], [kind_of(feature.kind) for feature in features], arrays, OPERATIONS)
    classes = _read_classes(header["classes"])
    answer = _read_answer(header["answer"], classes, kinds)
    if type(header["tolerance"]) is not float or not 0 < header["tolerance"] <= MAX_TOLERANCE:
        raise ValueError("tolerance: out of bounds")
    return FlatModel(
        model=header["model"],
        task=Task(header["task"]),
        features=features,
        steps=steps,
        answer=answer,
        classes=classes,
        tolerance=header["tolerance"],
        means=_read_means(header.get("means", {"slots": [], "values": []}), kinds),
    )


def _read_means(entry: Mapping[str, Any], kinds: Sequence[Kind]) -> Mapping[int, float]:
    slots, values = entry["slots"], entry["values"]
    if not all(type(slot) is int and 0 <= slot < len(kinds) and kinds[slot] is Kind.NUMBER for slot in slots):
        raise ValueError("means: of a slot that is not there, or no number")
    if not all(type(value) is float and math.isfinite(value) for value in values):
        raise ValueError("means: no finite number")
    return dict(zip(slots, values, strict=True))


def _read_classes(classes: Any) -> tuple[str, ...]:
    if not isinstance(classes, list) or not all(isinstance(each, str) for each in classes):
        raise ValueError("classes: not names only")
    if len(classes) == 1 or len(classes) > MAX_CLASSES or len(set(classes)) != len(classes):
        raise ValueError("classes: neither none nor several different names")
    return tuple(classes)


def _read_answer(answer: Any, classes: Sequence[str], kinds: Sequence[Kind]) -> int | tuple[int, ...]:
    several = len(classes) > 2
    slots = answer if several else [answer]
    if not isinstance(slots, list) or len(slots) != (len(classes) if several else 1):
        raise ValueError("answer: not one for each class")
    if not all(type(slot) is int and 0 <= slot < len(kinds) and kinds[slot] is Kind.NUMBER for slot in slots):
        raise ValueError("answer: no step gives it")
    return tuple(slots) if several else int(slots[0])


def kind_of(kind: FeatureKind) -> Kind:
    """What a feature's slot holds."""
    return Kind.TEXT if kind is FeatureKind.CATEGORICAL else Kind.RAW


def read_features(entries: Sequence[Mapping[str, Any]]) -> tuple[Feature, ...]:
    """Of an artifact's header. Raises ValueError, KeyError, TypeError."""
    features = []
    for entry in entries:
        name, nullable, kind = entry["name"], entry["nullable"], FeatureKind(entry["kind"])
        if not isinstance(name, str) or not isinstance(nullable, bool):
            raise ValueError("a feature without a name, or nullable is neither true nor false")
        example = entry.get("example")
        if example is not None and not (kind is FeatureKind.CATEGORICAL and isinstance(example, str)):
            raise ValueError(f"{name}: an example that is no level")
        if example is None:
            example = _EXAMPLES[kind]
        features.append(Feature(name=name, kind=kind, nullable=nullable, example=example))
    if len({feature.name for feature in features}) != len(features):
        raise ValueError("two features of one name")
    return tuple(features)


_EXAMPLES: Mapping[FeatureKind, float | str | bool] = {
    FeatureKind.NUMERIC: 1.0,
    FeatureKind.CATEGORICAL: "text",
    FeatureKind.BOOLEAN: True,
    FeatureKind.TIMESTAMP: "2025-12-31T23:59:00Z",
}
