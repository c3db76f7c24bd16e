"""What a batch's columns look like, in a few kilobytes: counts in the reference's cells. Counts add, so sketches do.

The drift of any window of batches comes from the sum of their sketches, a huge batch is the sum of its parts, and no
row has to be read twice. Made for one layout, that of the champion's reference, and worth nothing without it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import numpy.typing as npt

from evertrain.domain.errors import EvertrainError
from evertrain.domain.monitoring.drift import Slice
from evertrain.statistics.layouts import Categories, Column, Counts, Layout, NumericLayout
from evertrain.statistics.moments import Moments
from evertrain.statistics.packed import UnreadableBytes, pack, unpack

FORMAT, VERSION = "evertrain-sketch", 2


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
    """`layout`: the digest of the layout that the cells are of. `features`: by name. `slices`: of the rows that
    belong to each. `moments`: None where the reference relates no features."""

    layout: str
    rows: int
    features: Mapping[str, FeatureSketch]
    moments: Moments | None = None
    slices: Mapping[Slice, "Sketch"] = field(default_factory=dict)

    def __add__(self, other: "Sketch") -> "Sketch":
        """Raises OtherLayout."""
        return merge([self, other])

    def to_bytes(self) -> bytes:
        """Equal sketches give equal bytes."""
        arrays: list[npt.NDArray[Any]] = []
        document = _packed(self, arrays)
        return pack(FORMAT, VERSION, document | {"layout": self.layout}, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Sketch":
        """Raises InvalidSketch."""
        try:
            document, arrays = unpack(data, FORMAT, VERSION)
            return _unpacked(document, iter(arrays), document["layout"])
        except (UnreadableBytes, KeyError, TypeError, ValueError, IndexError, StopIteration) as error:
            raise InvalidSketch(f"not a sketch: {error}") from error


def sketch_columns(layout: str, layouts: Mapping[str, Layout], columns: Mapping[str, Column]) -> Sketch:
    """The sketch of a batch, or of a part of it. `layout` is the digest of `layouts`. Raises UnfitColumn."""
    features = {name: sketch_column(name, each, column_of(name, columns)) for name, each in layouts.items()}
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
    moments = [sketch.moments for sketch in sketches if sketch.moments is not None]
    return Sketch(
        layout=first.layout,
        rows=sum(sketch.rows for sketch in sketches),
        features={name: _sum([sketch.features[name] for sketch in sketches]) for name in first.features},
        moments=reduce(add, moments) if len(moments) == len(sketches) else None,
        slices={each: merge([sketch.slices[each] for sketch in sketches]) for each in first.slices},
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


def _packed(sketch: Sketch, arrays: list[npt.NDArray[Any]]) -> dict[str, Any]:
    """The document; its arrays are appended in the order in which `_unpacked` takes them."""
    features = [{"name": name} | packed_feature(feature, arrays) for name, feature in sketch.features.items()]
    if sketch.moments is not None:
        arrays.append(sketch.moments.packed())
    return {
        "rows": sketch.rows,
        "features": features,
        "has_moments": sketch.moments is not None,
        "slices": [
            {"column": each.column, "level": each.level} | _packed(of_slice, arrays)
            for each, of_slice in sketch.slices.items()
        ],
    }


def _unpacked(document: Mapping[str, Any], arrays: Iterator[npt.NDArray[Any]], layout: str) -> Sketch:
    return Sketch(
        layout=layout,
        rows=document["rows"],
        features={entry["name"]: unpacked_feature(entry, arrays) for entry in document["features"]},
        moments=Moments.unpacked(next(arrays)) if document["has_moments"] else None,
        slices={
            Slice(column=entry["column"], level=entry["level"]): _unpacked(entry, arrays, layout)
            for entry in document["slices"]
        },
    )


def packed_feature(feature: FeatureSketch, arrays: list[npt.NDArray[Any]]) -> dict[str, Any]:
    used = np.flatnonzero(feature.counts)
    arrays += [np.diff(used, prepend=0), feature.counts[used]]
    return {"size": len(feature.counts), "lowest": feature.lowest, "highest": feature.highest}


def unpacked_feature(entry: Mapping[str, Any], arrays: Iterator[npt.NDArray[Any]]) -> FeatureSketch:
    whole = np.zeros(entry["size"], dtype=np.int64)
    used = np.cumsum(next(arrays), dtype=np.int64)
    whole[used] = next(arrays)
    return FeatureSketch(counts=whole, lowest=entry["lowest"], highest=entry["highest"])


def column_of(name: str, columns: Mapping[str, Column]) -> Column:
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
