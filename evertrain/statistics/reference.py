"""What the champion learnt from, in a few kilobytes: the side that every batch is compared with.

Made once, by the training job, and pinned to the version. A gzip-compressed JSON document, nothing to execute.
"""

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evertrain.domain.errors import EvertrainError
from evertrain.domain.model_spec import Column, FeatureKind
from evertrain.statistics.cells import CategoryCells, NumericCells, cut_categories, cut_numbers
from evertrain.statistics.measures import psi, quantile_levels, shares, wasserstein

FORMAT, VERSION = "evertrain-reference", 1
CELLS = 10
QUANTILES = 256
FEWEST_BLOCKS = 5
SMALLEST_BLOCK = 100
"""Rows. A smaller day says little about how far days lie apart."""

SIGMAS = 3.0
"""Of Shewhart's control chart: beyond it, a day is unlike the days of the training window."""

Columns = Mapping[str, npt.NDArray[Any]]
"""By feature: float64 with NaN for missing where numeric or boolean, objects of str and None where categorical."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureReference:
    """`quantiles` at `quantile_levels(QUANTILES)`, `mean` and `deviation` are None where values have no order."""

    name: str
    kind: FeatureKind
    cells: NumericCells | CategoryCells
    counts: tuple[int, ...]
    quantiles: tuple[float, ...] | None
    mean: float | None
    deviation: float | None
    limits: ControlLimits | None

    @property
    def missing_share(self) -> float:
        return self.counts[0] / max(1, sum(self.counts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    rows: int
    features: tuple[FeatureReference, ...]

    def to_bytes(self) -> bytes:
        """Equal references give equal bytes."""
        document = {"format": FORMAT, "version": VERSION} | asdict(self)
        return gzip.compress(json.dumps(document, separators=(",", ":"), allow_nan=False).encode(), mtime=0)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Reference":
        """Raises InvalidReference."""
        try:
            document = json.loads(gzip.decompress(data))
            if document.get("format") != FORMAT or document.get("version") != VERSION:
                raise InvalidReference(f"not a reference of format {FORMAT} {VERSION}")
            return cls(rows=document["rows"], features=tuple(_feature(entry) for entry in document["features"]))
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidReference(f"the reference cannot be read: {type(error).__name__}: {error}") from error


def build_reference(
    columns: Columns, features: Sequence[Column], *, blocks: npt.NDArray[np.int64] | None = None
) -> Reference:
    """The reference of these rows. `blocks`: shape (rows,), the day of each row; without it there are no limits."""
    rows = len(next(iter(columns.values())))
    return Reference(
        rows=rows, features=tuple(_reference_of(columns[feature.name], feature, blocks) for feature in features)
    )


def _reference_of(
    values: npt.NDArray[Any], feature: Column, blocks: npt.NDArray[np.int64] | None
) -> FeatureReference:
    if feature.kind is FeatureKind.CATEGORICAL:
        whole = _without_limits(values, feature, cut_categories(values))
    else:
        whole = _without_limits(values, feature, cut_numbers(values, cells=CELLS))
    limits = None if blocks is None else _limits(values, whole, blocks)
    return FeatureReference(**{name: getattr(whole, name) for name in whole.__slots__} | {"limits": limits})


def _without_limits(
    values: npt.NDArray[Any], feature: Column, cells: NumericCells | CategoryCells
) -> FeatureReference:
    finite = values[np.isfinite(values)] if feature.kind is FeatureKind.NUMERIC else np.empty(0)
    ordered = len(finite) > 0
    return FeatureReference(
        name=feature.name,
        kind=feature.kind,
        cells=cells,
        counts=tuple(int(count) for count in cells.counts(values)),
        quantiles=tuple(map(float, quantiles_of(finite))) if ordered else None,
        mean=float(finite.mean()) if ordered else None,
        deviation=float(finite.std()) if ordered else None,
        limits=None,
    )


def _limits(values: npt.NDArray[Any], whole: FeatureReference, blocks: npt.NDArray[np.int64]) -> ControlLimits | None:
    days = [values[blocks == block] for block in np.unique(blocks)]
    days = [day for day in days if len(day) >= SMALLEST_BLOCK]
    if len(days) < FEWEST_BLOCKS:
        return None
    distances = [distances_from(whole, day) for day in days]
    ordered = [distance for _, distance, _ in distances if distance is not None]
    return ControlLimits(
        psi=_limit([value for value, _, _ in distances]),
        wasserstein=_limit(ordered) if ordered else None,
        missing_share=min(1.0, _limit([share for _, _, share in distances])),
    )


def distances_from(reference: FeatureReference, values: npt.NDArray[Any]) -> tuple[float, float | None, float]:
    """PSI, Wasserstein distance in standard deviations (None where there is no order), and the missing share."""
    counts = reference.cells.counts(values)
    value = psi(shares(reference.counts), shares(counts))
    return value, normalised_wasserstein(reference, values), float(counts[0]) / max(1, len(values))


def normalised_wasserstein(reference: FeatureReference, values: npt.NDArray[Any]) -> float | None:
    """In standard deviations of the reference; None without an order, without values, or of a constant reference."""
    if reference.quantiles is None or not reference.deviation:
        return None
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    return wasserstein(reference.quantiles, quantiles_of(finite)) / reference.deviation


def quantiles_of(finite: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.quantile(finite, quantile_levels(QUANTILES), method="inverted_cdf"))


def _limit(distances: Sequence[float]) -> float:
    return float(np.mean(distances) + SIGMAS * np.std(distances, ddof=1))


def _feature(entry: dict[str, Any]) -> FeatureReference:
    kind = FeatureKind(entry["kind"])
    cells = {name: tuple(values) for name, values in entry["cells"].items()}
    return FeatureReference(
        name=entry["name"],
        kind=kind,
        cells=CategoryCells(**cells) if kind is FeatureKind.CATEGORICAL else NumericCells(**cells),
        counts=tuple(entry["counts"]),
        quantiles=None if entry["quantiles"] is None else tuple(entry["quantiles"]),
        mean=entry["mean"],
        deviation=entry["deviation"],
        limits=None if entry["limits"] is None else ControlLimits(**entry["limits"]),
    )
