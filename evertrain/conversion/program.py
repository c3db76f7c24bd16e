"""Writes the steps of a flat model, one after the other."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.feature_group import Column as Feature
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.scoring.flat_model import kind_of
from evertrain.scoring.steps import Kind


class UnsupportedEstimator(EvertrainError):
    """The estimator, or a step before it, has no exact flat form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What a fitted step reads or gives, and the slot that holds it.

    `name`: of the feature that it comes from. `may_be_missing`: a caller can make it NaN, or None. `values`: all that
    it can be, where that is known.
    """

    name: str
    slot: int
    kind: Kind
    may_be_missing: bool
    values: frozenset[float] | None = None


_BOTH = frozenset({0.0, 1.0})
"""What a boolean can be, where it may not be null as well."""


class Program:
    """Steps and their arrays, as they are written. `columns`: the model's features, text or numbers."""

    def __init__(self, features: Sequence[Feature]) -> None:
        self.steps: list[dict[str, Any]] = []
        self.arrays: list[array[Any]] = []
        self._slots = 0
        raw = [
            Column(
                name=each.name,
                slot=slot,
                kind=kind_of(each.kind),
                may_be_missing=each.nullable,
                values=_BOTH if each.kind is FeatureKind.BOOLEAN and not each.nullable else None,
            )
            for slot, each in enumerate(features)
        ]
        self._slots = len(raw)
        from_raw = [each for each in raw if each.kind is Kind.RAW]
        numbers = iter(self.add("number", from_raw, outputs=list(from_raw)))
        self.columns = [next(numbers) if each.kind is Kind.RAW else each for each in raw]

    def add(
        self,
        operation: str,
        inputs: Sequence[Column],
        *,
        outputs: Sequence[Column] | int | None = None,
        may_be_missing: bool | None = None,
        **parameters: Any,
    ) -> list[Column]:
        """The columns that the step gives.

        `outputs`: what they are like, or how many; by default one like each input. `may_be_missing`: by default where
        an input may. Arrays of numpy become packed arrays, NaN becomes null.
        """
        if outputs is None:
            outputs = inputs
        if isinstance(outputs, int):
            some_may = any(each.may_be_missing for each in inputs)
            name = inputs[0].name if inputs else ""
            like = Column(name=name, slot=0, kind=Kind.NUMBER, may_be_missing=some_may)
            outputs = [like] * outputs
        if not outputs:
            return []
        written = {name: self._written(value) for name, value in parameters.items()}
        self.steps.append({"operation": operation, "inputs": [each.slot for each in inputs], **written})
        made = [
            replace(
                each,
                slot=self._slots + index,
                kind=Kind.NUMBER if each.kind is Kind.RAW else each.kind,
                may_be_missing=each.may_be_missing if may_be_missing is None else may_be_missing,
                values=each.values if outputs is not inputs else None,
            )
            for index, each in enumerate(outputs)
        ]
        self._slots += len(made)
        return made

    def _written(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            typecode = _TYPECODES[value.dtype.str]
            packed: array[Any] = array(typecode)
            packed.frombytes(np.ascontiguousarray(value).tobytes())
            self.arrays.append(packed)
            return len(self.arrays) - 1
        return as_json(value)


_TYPECODES = {"<f8": "d", "<f4": "f", "<i4": "i", "|u1": "B"}


def as_json(value: Any) -> Any:
    """Numbers of numpy as those of Python; NaN, which JSON lacks, as null.

    >>> as_json([np.float64(1.5), np.int64(2), math.nan, "text"])
    [1.5, 2, None, 'text']
    """
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return None if math.isnan(value) else float(value)
    return value


def require_numbers(step: Any, columns: Sequence[Column], *, missing: bool) -> None:
    """Raises UnsupportedEstimator where text reaches a step that computes, or where what is missing would."""
    owner = type(step).__name__
    if text := sorted({column.name for column in columns if column.kind is Kind.TEXT}):
        raise UnsupportedEstimator(
            f"{owner}: {', '.join(text)} is text; put an encoder such as OneHotEncoder before it"
        )
    if missing:
        return
    some = [column for column in columns if column.may_be_missing]
    if nullable := sorted({column.name for column in some if column.values is None}):
        raise UnsupportedEstimator(
            f"{owner}: {', '.join(nullable)} may be null, which it cannot take; put a SimpleImputer before it"
        )
    if coded := sorted({column.name for column in some}):
        raise UnsupportedEstimator(
            f"{owner}: an unseen category of {', '.join(coded)} has no code; use a OneHotEncoder, or an "
            "OrdinalEncoder with unknown_value=-1 and encoded_missing_value=-1"
        )
