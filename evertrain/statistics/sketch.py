"""What a batch's columns look like, in a few kilobytes: counts in the reference's cells. Counts add, so sketches do.

The drift of any window of batches comes from the sum of their sketches, a huge batch is the sum of its parts, and no
row has to be read twice. Made for one layout, that of the champion's reference, and worth nothing without it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evertrain.domain.errors import EvertrainError
from evertrain.statistics.layouts import Categories, Column, Counts, Layout, NumericLayout
from evertrain.statistics.packed import Unreadable, pack, unpack

FORMAT, VERSION = "evertrain-sketch", 1


class InvalidSketch(EvertrainError):
    """The bytes are no sketch of a format that this code reads."""


class OtherLayout(EvertrainError):
    """Sketches were made for different references: their counts do not mean the same."""


class UnfitColumn(EvertrainError):
    """A column is missing, or of another type than the reference's."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureSketch:
    """`counts`: in the cells of the layout. `lowest`, `highest`: of the finite values; None where there are none."""

    counts: Counts
    lowest: float | None = None
    highest: float | None = None

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, FeatureSketch)
            and (self.lowest, self.highest) == (other.lowest, other.highest)
            and np.array_equal(self.counts, other.counts)
        )

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """`layout`: the digest of the layout that the cells are of. `features`: by name."""

    layout: str
    rows: int
    features: Mapping[str, FeatureSketch]

    def __add__(self, other: "Sketch") -> "Sketch":
        """Raises OtherLayout."""
        return merge([self, other])

    def to_bytes(self) -> bytes:
        """Equal sketches give equal bytes."""
        entries, arrays = [], []
        for name, feature in self.features.items():
            entry, cells = packed_feature(feature)
            entries.append({"name": name} | entry)
            arrays += cells
        return pack(FORMAT, VERSION, {"layout": self.layout, "rows": self.rows, "features": entries}, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Sketch":
        """Raises InvalidSketch."""
        try:
            document, arrays = unpack(data, FORMAT, VERSION)
            features = {
                entry["name"]: unpacked_feature(entry, arrays[2 * place : 2 * place + 2])
                for place, entry in enumerate(document["features"])
            }
            return cls(layout=document["layout"], rows=document["rows"], features=features)
        except (Unreadable, KeyError, TypeError, ValueError, IndexError) as error:
            raise InvalidSketch(f"not a sketch: {error}") from error


def sketch_columns(layout: str, layouts: Mapping[str, Layout], columns: Mapping[str, Column]) -> Sketch:
    """The sketch of a batch, or of a part of it. `layout` is the digest of `layouts`. Raises UnfitColumn."""
    features = {name: sketch_column(name, each, _column(name, columns)) for name, each in layouts.items()}
    rows = len(columns[next(iter(layouts))]) if layouts else 0
    return Sketch(layout=layout, rows=rows, features=features)


def sketch_column(name: str, layout: Layout, column: Column) -> FeatureSketch:
    if isinstance(layout, NumericLayout) and not isinstance(column, Categories):
        lowest, highest = _range(column)
        return FeatureSketch(counts=layout.count(column), lowest=lowest, highest=highest)
    if not isinstance(layout, NumericLayout) and isinstance(column, Categories):
        return FeatureSketch(counts=layout.count(column))
    wanted, found = ("numbers", "text") if isinstance(layout, NumericLayout) else ("text", "numbers")
    raise UnfitColumn(f"{name}: the reference holds {wanted}, the batch {found}")


def merge(sketches: Sequence[Sketch]) -> Sketch:
    """The sum of at least one. Raises OtherLayout."""
    first, *others = sketches
    for other in others:
        if first.layout != other.layout:
            raise OtherLayout(f"a sketch for reference {first.layout[:8]} and one for {other.layout[:8]} do not add")
    return Sketch(
        layout=first.layout,
        rows=sum(sketch.rows for sketch in sketches),
        features={name: _sum([sketch.features[name] for sketch in sketches]) for name in first.features},
    )


def _sum(features: Sequence[FeatureSketch]) -> FeatureSketch:
    counts = features[0].counts.copy()
    for feature in features[1:]:
        counts += feature.counts
    lowest = [feature.lowest for feature in features if feature.lowest is not None]
    highest = [feature.highest for feature in features if feature.highest is not None]
    return FeatureSketch(
        counts=counts, lowest=min(lowest) if lowest else None, highest=max(highest) if highest else None
    )


def packed_feature(feature: FeatureSketch) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
    used = np.flatnonzero(feature.counts)
    entry = {"size": len(feature.counts), "lowest": feature.lowest, "highest": feature.highest}
    return entry, [np.diff(used, prepend=0), feature.counts[used]]


def unpacked_feature(entry: Mapping[str, Any], arrays: Sequence[npt.NDArray[Any]]) -> FeatureSketch:
    steps, counts = arrays
    whole = np.zeros(entry["size"], dtype=np.int64)
    whole[np.cumsum(steps, dtype=np.int64)] = counts
    return FeatureSketch(counts=whole, lowest=entry["lowest"], highest=entry["highest"])


def _column(name: str, columns: Mapping[str, Column]) -> Column:
    if name not in columns:
        raise UnfitColumn(f"{name}: the reference has this feature, the batch does not")
    return columns[name]


def _range(values: npt.NDArray[np.float64]) -> tuple[float | None, float | None]:
    if not len(values):
        return None, None
    lowest, highest = float(values.min()), float(values.max())
    if not (np.isfinite(lowest) and np.isfinite(highest)):  # a NaN or an infinity is among them: the slow way
        finite = values[np.isfinite(values)]
        if not len(finite):
            return None, None
        lowest, highest = float(finite.min()), float(finite.max())
    return lowest, highest
