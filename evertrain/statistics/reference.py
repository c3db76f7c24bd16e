"""What the champion learnt from, in a few kilobytes: the side that every batch is compared with.

Made once, by the training job, and pinned to the version. Nothing to execute.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

from evertrain.domain.errors import EvertrainError
from evertrain.domain.model_spec import Column, FeatureKind
from evertrain.statistics.distances import Baseline, distances_between
from evertrain.statistics.layouts import Categories, CategoryLayout, Layout, NumericLayout, layout_of
from evertrain.statistics.layouts import Column as Values
from evertrain.statistics.packed import Unreadable, pack, unpack
from evertrain.statistics.sketch import Sketch, UnfitColumn, packed_feature, sketch_column, sketch_columns
from evertrain.statistics.sketch import unpacked_feature as _sketch_from

FORMAT, VERSION = "evertrain-reference", 2
FEWEST_BLOCKS = 5
SMALLEST_BLOCK = 100
"""Rows. A smaller day says little about how far days lie apart."""

SIGMAS = 3.0
"""Of Shewhart's control chart: beyond it, a day is unlike the days of the training window."""

Columns = Mapping[str, Values]
"""By feature: float64 with NaN for missing where numeric or boolean, `Categories` where categorical."""


class InvalidReference(EvertrainError):
    """The bytes are no reference of a format that this code reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlLimits:
    """How far single days of the training window lie from the window as a whole, at most, as control limits.

    Rows of one day share their weather and their schedule, so a day always differs from a month by more than chance
    among independent rows allows. `wasserstein` is in standard deviations, None for what has no order.
    """

    psi: float
    wasserstein: float | None
    missing_share: float


@dataclass(frozen=True, kw_only=True)
class FeatureReference:
    name: str
    kind: FeatureKind
    baseline: Baseline
    limits: ControlLimits | None

    @property
    def missing_share(self) -> float:
        return float(self.baseline.sketch.counts[0]) / max(1, self.baseline.rows)


@dataclass(frozen=True, kw_only=True)
class Reference:
    rows: int
    features: tuple[FeatureReference, ...]

    def sketch(self, columns: Columns) -> Sketch:
        """Of a batch, or of a part of one. Raises UnfitColumn."""
        return sketch_columns(self.layout, self._layouts, columns)

    @property
    def empty_sketch(self) -> Sketch:
        """Of no rows: adding it changes nothing."""
        return self.sketch(
            {
                feature.name: np.empty(0) if isinstance(feature.baseline.layout, NumericLayout) else Categories.of([])
                for feature in self.features
            }
        )

    @cached_property
    def layout(self) -> str:
        """Digest of how this reference cuts its features into cells: only sketches of the same one add."""
        documents, arrays = zip(*(_packed_layout(feature) for feature in self.features), strict=True)
        return sha256(pack("layout", VERSION, documents, [array for two in arrays for array in two])).hexdigest()[:16]

    @property
    def _layouts(self) -> dict[str, Layout]:
        return {feature.name: feature.baseline.layout for feature in self.features}

    def to_bytes(self) -> bytes:
        """Equal references give equal bytes."""
        entries, arrays = [], []
        for feature in self.features:
            layout, cells = _packed_layout(feature)
            sketch, counts = packed_feature(feature.baseline.sketch)
            arrays += [*cells, *counts]
            entries.append(
                layout
                | {
                    "sketch": sketch,
                    "mean": feature.baseline.mean,
                    "deviation": feature.baseline.deviation,
                    "limits": None if feature.limits is None else asdict(feature.limits),
                }
            )
        return pack(FORMAT, VERSION, {"rows": self.rows, "features": entries}, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Reference":
        """Raises InvalidReference."""
        try:
            document, arrays = unpack(data, FORMAT, VERSION)
            features = tuple(
                _feature(entry, arrays[4 * place : 4 * place + 4]) for place, entry in enumerate(document["features"])
            )
            return cls(rows=document["rows"], features=features)
        except (Unreadable, KeyError, TypeError, ValueError, IndexError) as error:
            raise InvalidReference(f"not a reference: {error}") from error


def build_reference(
    columns: Columns, features: Sequence[Column], *, blocks: npt.NDArray[np.int64] | None = None
) -> Reference:
    """The reference of these rows. `blocks`: shape (rows,), the day of each row; without it there are no limits.

    Raises UnfitColumn.
    """
    # One column at a time: a mapping may read each when it is asked for.
    found = tuple(_reference_of(columns[feature.name], feature, blocks) for feature in features)
    return Reference(rows=found[0].baseline.rows if found else 0, features=found)


def _reference_of(values: Values, feature: Column, blocks: npt.NDArray[np.int64] | None) -> FeatureReference:
    if isinstance(values, Categories) != (feature.kind is FeatureKind.CATEGORICAL):
        raise UnfitColumn(f"{feature.name}: it is declared {feature.kind.value}, its values are not")
    baseline = _baseline(values, feature)
    limits = None if blocks is None else _limits(values, feature.name, baseline, blocks)
    return FeatureReference(name=feature.name, kind=feature.kind, baseline=baseline, limits=limits)


def _baseline(values: Values, feature: Column) -> Baseline:
    layout = layout_of(values)
    mean = deviation = None
    if feature.kind is FeatureKind.NUMERIC and not isinstance(values, Categories):
        finite = values[np.isfinite(values)]
        if len(finite):
            with np.errstate(over="ignore", invalid="ignore"):
                mean, deviation = _finite(finite.mean()), _finite(finite.std())
    return Baseline(layout=layout, sketch=sketch_column(feature.name, layout, values), mean=mean, deviation=deviation)


def _finite(value: np.floating[Any]) -> float:
    """Beyond the largest number there is: the largest number."""
    return float(np.nan_to_num(value))


def _limits(values: Values, name: str, baseline: Baseline, blocks: npt.NDArray[np.int64]) -> ControlLimits | None:
    distances = [
        distances_between(baseline, sketch_column(name, baseline.layout, values[blocks == block]))
        for block, rows in zip(*np.unique(blocks, return_counts=True), strict=True)
        if rows >= SMALLEST_BLOCK
    ]
    if len(distances) < FEWEST_BLOCKS:
        return None
    ordered = [each.wasserstein_normalised for each in distances if each.wasserstein_normalised is not None]
    return ControlLimits(
        psi=_limit([each.psi for each in distances]),
        wasserstein=_limit(ordered) if len(ordered) >= FEWEST_BLOCKS else None,
        missing_share=min(1.0, _limit([each.missing_share for each in distances])),
    )


def _limit(distances: Sequence[float]) -> float:
    return float(np.mean(distances) + SIGMAS * np.std(distances, ddof=1))


def _packed_layout(feature: FeatureReference) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
    layout = feature.baseline.layout
    document: dict[str, Any] = {"name": feature.name, "kind": feature.kind.value}
    if isinstance(layout, CategoryLayout):
        empty = np.empty(0, dtype=np.uint8)
        document |= {"levels": list(layout.levels), "rare": layout.rare, "is_partial": layout.is_partial}
        return document, [empty, empty]
    document |= {"centre": layout.centre, "scale": layout.scale, "atoms": list(layout.atoms)}
    return document | {"bins": list(layout.bins)}, [layout.used, layout.steps]


def _feature(entry: dict[str, Any], arrays: Sequence[npt.NDArray[Any]]) -> FeatureReference:
    used, steps, *counts = arrays
    layout: Layout
    if "levels" in entry:
        layout = CategoryLayout(levels=tuple(entry["levels"]), rare=entry["rare"], is_partial=entry["is_partial"])
    else:
        layout = NumericLayout(
            centre=entry["centre"],
            scale=entry["scale"],
            atoms=tuple(entry["atoms"]),
            bins=tuple(entry["bins"]),
            used=used.astype(np.uint16),
            steps=steps.astype(np.uint8),
        )
    return FeatureReference(
        name=entry["name"],
        kind=FeatureKind(entry["kind"]),
        baseline=Baseline(
            layout=layout,
            sketch=_sketch_from(entry["sketch"], counts),
            mean=entry["mean"],
            deviation=entry["deviation"],
        ),
        limits=None if entry["limits"] is None else ControlLimits(**entry["limits"]),
    )
