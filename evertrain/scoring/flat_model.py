"""The flat model format: steps from a row's features to its prediction. Data only, nothing to execute.

`container` says how an artifact is laid out, `operations` what a step may do; docs/adr/0004-model-format.md describes
the format. Numbers follow scikit-learn to the last digits: the same order of additions, the same way for missing and
for unseen values.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.metric import Task
from evertrain.scoring.container import Header, unpack
from evertrain.scoring.operations import OPERATIONS
from evertrain.scoring.rows import Feature, Row
from evertrain.scoring.steps import Kind, Slots, Step, read_steps
from evertrain.scoring.version_1 import as_version_2

FORMAT, VERSION = "evertrain-flat", 2
_READ_ERRORS = (zlib.error, ValueError, KeyError, TypeError, OverflowError, RecursionError)


class InvalidArtifact(EvertrainError):
    """The bytes are not an artifact in a format that this code reads."""


@dataclass(frozen=True)
class FlatModel:
    """A model as it is served. `steps` make slots of a row's features.

    `answers`: the slots with the prediction: one number, which of two `classes` is the last one's probability; or a
    probability for each of more.
    `is_float32`: the estimator itself answers in 32 bits.
    """

    model: str
    task: Task
    features: tuple[Feature, ...]
    steps: tuple[Step, ...] = field(repr=False)
    answers: tuple[int, ...] = field(repr=False)
    classes: tuple[str, ...] = ()
    is_float32: bool = False

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

    def predict(self, rows: Sequence[Row]) -> list[float]:
        """For each row the probability of the positive class, or the number. Rows are valid: see `validate_rows`."""
        (answer,) = self.answers
        return [slots[answer] for slots in self._run(rows)]

    def probabilities(self, rows: Sequence[Row]) -> list[list[float]]:
        """For each row one probability for each of `classes`."""
        return [[slots[answer] for answer in self.answers] for slots in self._run(rows)]

    def _run(self, rows: Sequence[Row]) -> Iterator[Slots]:
        names, runs = self.feature_names, [step.run for step in self.steps]
        for row in rows:
            slots: Slots = [row[name] for name in names]
            for run in runs:
                run(slots)
            yield slots


def _read(header: Header, arrays: Sequence[Any]) -> FlatModel:
    features = _read_features(header["features"])
    if not isinstance(header["model"], str):
        raise ValueError("model is no text")
    steps, kinds = read_steps(header["steps"], [kind_of(feature.kind) for feature in features], arrays, OPERATIONS)
    answers, classes = header["answers"], header["classes"]
    for answer in answers:
        if type(answer) is not int or not 0 <= answer < len(kinds) or kinds[answer] is not Kind.NUMBER:
            raise ValueError("answers: no step gives one of them")
    if not all(isinstance(each, str) for each in classes) or len(answers) != (
        len(classes) if len(classes) > 2 else 1
    ):
        raise ValueError("classes: not one for each answer, or no texts")
    if not isinstance(header["is_float32"], bool):
        raise ValueError("is_float32 is neither true nor false")
    return FlatModel(
        model=header["model"],
        task=Task(header["task"]),
        features=features,
        steps=steps,
        answers=tuple(answers),
        classes=tuple(classes),
        is_float32=header["is_float32"],
    )


def kind_of(kind: FeatureKind) -> Kind:
    """What a feature's slot holds."""
    return Kind.TEXT if kind is FeatureKind.CATEGORICAL else Kind.RAW


def _read_features(entries: Sequence[Mapping[str, Any]]) -> tuple[Feature, ...]:
    features = []
    for entry in entries:
        name, nullable, kind = entry["name"], entry["nullable"], FeatureKind(entry["kind"])
        if not isinstance(name, str) or not isinstance(nullable, bool):
            raise ValueError("a feature without a name, or nullable is neither true nor false")
        example = entry.get("example") or _EXAMPLES[kind]
        if kind is FeatureKind.CATEGORICAL and not isinstance(example, str):
            raise ValueError(f"{name}: its example is no text")
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
