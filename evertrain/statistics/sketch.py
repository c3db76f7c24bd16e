"""The sketch of a batch: how many rows fall into each of the reference's cells. Counts add, so sketches do.

The drift of a window of batches comes from the sum of their sketches, and a large batch is the sum of its parts: no
row is read twice. A sketch takes a few kilobytes, and can be read with the champion's reference only.
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
from evertrain.statistics.packing import UnreadableBytes, pack, unpack

FORMAT, VERSION = "evertrain-sketch", 2


class InvalidSketch(EvertrainError):
    """The bytes are not a sketch in a format that this code reads."""


class LayoutMismatch(EvertrainError):
    """Two sketches were made for different references: their counts can't be added or compared."""


class ColumnMismatch(EvertrainError):
    """A column is missing, or its type is not the reference's."""


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
    """`layout_digest`: of the reference whose cells are counted. `features`: by name. `slices`: of the rows of each
    slice. `moments`: None where the reference relates no features."""

    layout_digest: str
    rows: int
    features: Mapping[str, FeatureSketch]
    moments: Moments | None = None
    slices: Mapping[Slice, "Sketch"] = field(default_factory=dict)

    def __add__(self, other: "Sketch") -> "Sketch":
        """Raises LayoutMismatch."""
        return merge([self, other])

    def to_bytes(self) -> bytes:
        """Equal sketches give equal bytes."""
        arrays: list[npt.NDArray[Any]] = []
        document = _pack(self, arrays)
        return pack(FORMAT, VERSION, document | {"layout": self.layout_digest}, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Sketch":
        """Raises InvalidSketch."""
        try:
            document, arrays = unpack(data, FORMAT, VERSION)
            return _unpack(document, iter(arrays), document["layout"])
        except (UnreadableBytes, KeyError, TypeError, ValueError, IndexError, StopIteration) as error:
            raise InvalidSketch(f"not a sketch: {error}") from error


def sketch_columns(layout_digest: str, layouts: Mapping[str, Layout], columns: Mapping[str, Column]) -> Sketch:
    """The sketch of a batch, or of a part of it. `layout_digest` is that of `layouts`. Raises ColumnMismatch."""
    features = {name: sketch_column(name, each, require_column(name, columns)) for name, each in layouts.items()}
    rows = len(columns[next(iter(layouts))]) if layouts else 0
    return Sketch(layout_digest=layout_digest, rows=rows, features=features)


def sketch_column(name: str, layout: Layout, column: Column) -> FeatureSketch:
    if isinstance(layout, NumericLayout) and not isinstance(column, Categories):
        lowest, highest = _finite_range(column)
        return FeatureSketch(counts=layout.count(column), lowest=lowest, highest=highest)
    if not isinstance(layout, NumericLayout) and isinstance(column, Categories):
        return FeatureSketch(counts=layout.count(column))
    wanted, found = ("numbers", "text") if isinstance(layout, NumericLayout) else ("text", "numbers")
    raise ColumnMismatch(f"{name}: the reference holds {wanted}, the batch {found}")


def merge(sketches: Sequence[Sketch]) -> Sketch:
    """The sum of one sketch or more. Raises LayoutMismatch."""
    first, *others = sketches
    for other in others:
        if first.layout_digest != other.layout_digest:
            raise LayoutMismatch(
                f"a sketch for reference {first.layout_digest[:8]} and one for {other.layout_digest[:8]} do not add"
            )
    moments = [sketch.moments for sketch in sketches if sketch.moments is not None]
    return Sketch(
        layout_digest=first.layout_digest,
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


def _pack(sketch: Sketch, arrays: list[npt.NDArray[Any]]) -> dict[str, Any]:
    """The document; its arrays are appended in the order in which `_unpack` takes them."""
    features = [{"name": name} | pack_feature(feature, arrays) for name, feature in sketch.features.items()]
    if sketch.moments is not None:
        arrays.append(sketch.moments.packed())
    return {
        "rows": sketch.rows,
        "features": features,
        "has_moments": sketch.moments is not None,
        "slices": [
            {"column": each.column, "level": each.level} | _pack(of_slice, arrays)
            for each, of_slice in sketch.slices.items()
        ],
    }


def _unpack(document: Mapping[str, Any], arrays: Iterator[npt.NDArray[Any]], layout_digest: str) -> Sketch:
    return Sketch(
        layout_digest=layout_digest,
        rows=document["rows"],
        features={entry["name"]: unpack_feature(entry, arrays) for entry in document["features"]},
        moments=Moments.unpacked(next(arrays)) if document["has_moments"] else None,
        slices={
            Slice(column=entry["column"], level=entry["level"]): _unpack(entry, arrays, layout_digest)
            for entry in document["slices"]
        },
    )


def pack_feature(feature: FeatureSketch, arrays: list[npt.NDArray[Any]]) -> dict[str, Any]:
    used = np.flatnonzero(feature.counts)
    arrays += [np.diff(used, prepend=0), feature.counts[used]]
    return {"size": len(feature.counts), "lowest": feature.lowest, "highest": feature.highest}


def unpack_feature(entry: Mapping[str, Any], arrays: Iterator[npt.NDArray[Any]]) -> FeatureSketch:
    whole = np.zeros(entry["size"], dtype=np.int64)
    used = np.cumsum(next(arrays), dtype=np.int64)
    whole[used] = next(arrays)
    return FeatureSketch(counts=whole, lowest=entry["lowest"], highest=entry["highest"])


def require_column(name: str, columns: Mapping[str, Column]) -> Column:
    if name not in columns:
        raise ColumnMismatch(f"{name}: the reference has this feature, the batch does not")
    return columns[name]


def _finite_range(values: npt.NDArray[np.float64]) -> tuple[float | None, float | None]:
    if not len(values):
        return None, None
    lowest, highest = float(values.min()), float(values.max())
    if not (np.isfinite(lowest) and np.isfinite(highest)):  # some are NaN or infinite: drop them, which copies
        finite = values[np.isfinite(values)]
        if not len(finite):
            return None, None
        lowest, highest = float(finite.min()), float(finite.max())
    return lowest, highest
