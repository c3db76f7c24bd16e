"""Has one table drifted from another? For files at hand, without a deployed stage."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from evertrain.domain.errors import EvertrainError
from evertrain.domain.monitoring.drift import Findings
from evertrain.domain.project.feature_group import Column
from evertrain.domain.project.policies import DriftPolicy
from evertrain.statistics.layouts import Column as Values
from evertrain.statistics.reference import Reference, build_reference
from evertrain.statistics.sketch import Sketch, merge
from evertrain.statistics.verdict import judge


class NothingToCompare(EvertrainError):
    """The reference has no rows, or no column that can be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparable:
    """What of a table can be compared with another one. `left_out`: why other columns cannot. `notes`: what is
    written in another way in the other table."""

    columns: tuple[Column, ...]
    left_out: Mapping[str, str]
    notes: tuple[str, ...] = ()


class Table(Protocol):
    def features(self, *, like: Any) -> Comparable: ...

    def column(self, feature: Column) -> Values: ...

    def parts(self, features: Sequence[Column]) -> Iterator[Mapping[str, Values]]:
        """The rows, a part at a time."""


@dataclass(frozen=True, kw_only=True)
class TableDrift:
    """`left_out`: columns of the reference that are not compared, and why; none where columns were named. `notes`: as
    of `Comparable`."""

    findings: Findings
    reference: Reference
    sketch: Sketch
    left_out: Mapping[str, str]
    notes: tuple[str, ...]


def compare_tables(before: Table, after: Table, *, policy: DriftPolicy, only: Sequence[str] = ()) -> TableDrift:
    """`only`: the columns to compare; empty for all. Raises NothingToCompare, and what the tables raise."""
    found = before.features(like=after)
    features, left_out = found.columns, found.left_out
    if only:
        known = {feature.name: feature for feature in features}
        for name in only:
            if name in left_out:
                raise NothingToCompare(f"{name} is not compared: {left_out[name]}")
            if name not in known:
                raise NothingToCompare(f"there is no column {name} to compare; there are {', '.join(known)}")
        features, left_out = tuple(known[name] for name in only), {}  # nobody asked for the others
    if not features:
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise NothingToCompare("the reference has no column that can be compared" + (f" ({why})" if why else ""))
    reference = _reference_of(before, features)
    sketch = merge([reference.empty_sketch, *(reference.sketch(part) for part in after.parts(features))])
    return TableDrift(
        findings=judge(reference, sketch, policy=policy),
        reference=reference,
        sketch=sketch,
        left_out=left_out,
        notes=found.notes,
    )


def fit_reference(table: Table) -> Reference:
    """Of all columns that can be compared. Raises NothingToCompare, and what the table raises."""
    found = table.features(like=table)
    if not found.columns:
        raise NothingToCompare("the table has no column that can be compared")
    return _reference_of(table, found.columns)


def _reference_of(table: Table, features: Sequence[Column]) -> Reference:
    reference = build_reference(_LazyColumns(table, {feature.name: feature for feature in features}), features)
    if not reference.rows:
        raise NothingToCompare("the reference has no rows")
    return reference


@dataclass(frozen=True)
class _LazyColumns(Mapping[str, Values]):
    """A table's columns, each read when it is asked for: only one at a time is in memory."""

    table: Table
    features: Mapping[str, Column]

    def __getitem__(self, name: str) -> Values:
        return self.table.column(self.features[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.features)

    def __len__(self) -> int:
        return len(self.features)
