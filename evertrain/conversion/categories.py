"""Encoders of categories as steps of the flat format."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evertrain.conversion.program import Column, Program, UnsupportedEstimator
from evertrain.scoring.steps import Kind

Columns = Sequence[Column]
NAN = math.nan


def one_hot(step: Any, columns: Columns, program: Program) -> list[Column]:
    """A fitted OneHotEncoder's columns. Raises UnsupportedEstimator."""
    if step.handle_unknown == "error" and not all(_knows_all(step, columns)):
        raise UnsupportedEstimator('OneHotEncoder: set handle_unknown="ignore", or an unseen category is an error')
    given: list[Column] = []
    for index, (column, categories) in enumerate(zip(columns, step.categories_, strict=True)):
        groups = _groups(step, index, len(categories))
        drop = _dropped(step, index)
        places = _places_without(drop, max(groups, default=-1) + 1)
        positions = [places[group] for group in groups]
        infrequent = _infrequent_group(step, index)
        unknown = places[infrequent] if infrequent is not None and step.handle_unknown != "ignore" else -1
        levels, values, missing = _levels(column, categories, positions, unknown)
        width = len(places) - (drop is not None)
        like = replace(column, kind=Kind.NUMBER, may_be_missing=False)
        given += program.add(
            "one_hot",
            [column],
            outputs=[like] * width,
            levels=levels,
            columns=values,
            width=width,
            unknown=unknown,
            missing=missing,
        )
    return given


def ordinal(step: Any, columns: Columns, program: Program) -> list[Column]:
    """A fitted OrdinalEncoder's codes. Raises UnsupportedEstimator."""
    if step.handle_unknown != "use_encoded_value":
        raise UnsupportedEstimator(
            'OrdinalEncoder: set handle_unknown="use_encoded_value", or an unseen category is an error'
        )
    given: list[Column] = []
    for index, (column, categories) in enumerate(zip(columns, step.categories_, strict=True)):
        unknown = float(step.unknown_value)
        codes = [
            float(step.encoded_missing_value) if _is_missing(category) else float(group)
            for category, group in zip(categories, _groups(step, index, len(categories)), strict=True)
        ]
        levels, values, missing = _levels(column, categories, codes, unknown)
        possible = {*values, unknown, missing}
        may_be_missing = math.isnan(unknown) or (column.may_be_missing and math.isnan(missing))
        like = replace(
            column,
            kind=Kind.NUMBER,
            may_be_missing=may_be_missing,
            values=frozenset(code for code in possible if not math.isnan(code)),
        )
        given += program.add(
            "code", [column], outputs=[like], levels=levels, values=values, unknown=unknown, missing=missing
        )
    return given


def target(step: Any, columns: Columns, program: Program) -> list[Column]:
    """A fitted TargetEncoder's means: one for each feature, or of several classes one for each feature and class."""
    classes = len(step.classes_) if step.target_type_ == "multiclass" else 1
    means = np.atleast_1d(step.target_mean_)
    given: list[Column] = []
    for index, (column, categories) in enumerate(zip(columns, step.categories_, strict=True)):
        for k in range(classes):
            values = [float(value) for value in step.encodings_[index * classes + k]]
            levels, encoded, missing = _levels(column, categories, values, float(means[k]))
            like = replace(column, kind=Kind.NUMBER, may_be_missing=False)
            given += program.add(
                "code",
                [column],
                outputs=[like],
                levels=levels,
                values=encoded,
                unknown=float(means[k]),
                missing=missing,
            )
    return given


def _levels(column: Column, categories: Any, values: Sequence[Any], unknown: Any) -> tuple[list[Any], list[Any], Any]:
    """The levels, the value of each, and that of what is missing: which is unknown unless training had it."""
    levels, kept, missing = [], [], unknown
    for category, value in zip(categories, values, strict=True):
        if _is_missing(category):
            missing = value
        else:
            levels.append(str(category) if column.kind is Kind.TEXT else float(category))
            kept.append(value)
    return levels, kept, missing


def _is_missing(category: Any) -> bool:
    return category is None or (isinstance(category, float | np.floating) and math.isnan(category))


def _knows_all(step: Any, columns: Columns) -> list[bool]:
    return [
        column.values is not None and column.values <= set(map(float, categories))
        for column, categories in zip(columns, step.categories_, strict=True)
    ]


def _groups(step: Any, index: int, count: int) -> list[int]:
    """Of each category its place once infrequent ones are one."""
    if getattr(step, "_infrequent_enabled", False):
        mapping = step._default_to_infrequent_mappings[index]
        if mapping is not None:
            return [int(group) for group in mapping]
    return list(range(count))


def _infrequent_group(step: Any, index: int) -> int | None:
    if getattr(step, "_infrequent_enabled", False):
        mapping = step._default_to_infrequent_mappings[index]
        if mapping is not None:
            return int(max(mapping))
    return None


def _dropped(step: Any, index: int) -> int | None:
    drops = step._drop_idx_after_grouping
    return None if drops is None or drops[index] is None else int(drops[index])


def _places_without(drop: int | None, count: int) -> list[int]:
    """
    >>> _places_without(1, 4), _places_without(None, 2)
    ([0, -1, 1, 2], [0, 1])
    """
    if drop is None:
        return list(range(count))
    return [-1 if group == drop else group - (group > drop) for group in range(count)]
