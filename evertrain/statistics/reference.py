"""What the champion learnt from, in a few kilobytes: the side that every batch is compared with.

Made once, by the training job, and pinned to the version. Nothing to execute.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.predictions import PREDICTION
from evertrain.domain.monitoring.drift import Slice
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.statistics.control_limits import control_limit, family_sigmas
from evertrain.statistics.distances import Baseline, distances_between, wasserstein_between
from evertrain.statistics.layouts import (
    Categories,
    CategoryLayout,
    Layout,
    Numbers,
    NumericLayout,
    evenly_chosen,
    layout_of,
)
from evertrain.statistics.layouts import Column as Values
from evertrain.statistics.moments import Moments
from evertrain.statistics.packed import Unreadable, pack, unpack
from evertrain.statistics.relations import Relations, Score, Scores, limits_of, scores_of
from evertrain.statistics.sketch import (
    FeatureSketch,
    Sketch,
    UnfitColumn,
    column_of,
    packed_feature,
    sketch_column,
    sketch_columns,
    unpacked_feature,
)
from evertrain.statistics.slicing import levels_of, rows_of, taken

FORMAT, VERSION = "evertrain-reference", 3
FEWEST_BLOCKS = 5
SMALLEST_BLOCK = 100
"""Rows. A smaller day says little about how far days lie apart."""

FEATURE_ALARMS, RELATION_ALARMS, SLICE_ALARMS = 0.03, 0.01, 0.01
"""Share of days like those of training on which any feature, relation or slice lies beyond its control limit."""

JUMP_SIGMAS = 3.0

SMALLEST_GAP = 0.1
"""Share of a day's rows more than usual that have no value, before it is unlike any training day: an hour's outage of
a source is no drift, and days without any would allow for none."""

ROWS_FOR_RELATIONS = 100_000
"""Of the training rows, evenly chosen: enough to know how features go together, and all columns fit in memory."""

Columns = Mapping[str, Values]
"""By feature: float64 with NaN for missing where numeric or boolean, `Categories` where categorical."""

Blocks = npt.NDArray[np.int64]
"""Shape (rows,): the day of each row."""

_Arrays = list[npt.NDArray[Any]]


class InvalidReference(EvertrainError):
    """The bytes are no reference of a format that this code reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlLimits:
    """How far single days of the training window lie from the window as a whole, as control limits.

    Rows of one day share their weather and their schedule, so a day always differs from a month by more than chance
    among independent rows allows. `wasserstein` is in standard deviations, None for what has no order.
    `jump`: how far one day lies from the day before, in the same unit. `heaviest_share`: no limit, but the largest
    share that one value had on any day.
    """

    psi: float
    wasserstein: float | None
    jump: float | None
    missing_share: float
    heaviest_share: float


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
    """`slices`: of declared slices of the rows, in the same cells. `prediction`: of the model's predictions on rows
    that it did not learn from, with `PREDICTION` as its only feature. `groups`: where features come from several
    feature groups, of each group's own rows by the group's name, since batches land by group.
    """

    rows: int
    features: tuple[FeatureReference, ...]
    relations: Relations | None = None
    slices: Mapping[Slice, "Reference"] = field(default_factory=dict)
    prediction: "Reference | None" = None
    groups: Mapping[str, "Reference"] = field(default_factory=dict)

    def of_group(self, name: str) -> "Reference":
        """What batches of this feature group are compared with."""
        return self.groups.get(name, self)

    @property
    def of_requests(self) -> "Reference":
        """What requests to the endpoint and its answers are compared with: the features, and the predictions as one
        more."""
        if self.prediction is None:
            return self
        return replace(self, features=(*self.features, *self.prediction.features), prediction=None)

    def sketch(self, columns: Columns) -> Sketch:
        """Of a batch, or of a part of one. Raises UnfitColumn."""
        whole = sketch_columns(self.layout, self._layouts, columns)
        return replace(
            whole,
            moments=None if self._scores is None else self._scores.moments(columns),
            slices={
                each: sketch_columns(
                    self.layout, self._layouts, taken(columns, rows_of(each, column_of(each.column, columns)))
                )
                for each in self.slices
            },
        )

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
        """Digest of how this reference counts: only sketches of the same one add."""
        arrays: _Arrays = []
        documents: list[Any] = [_packed_layout(feature, arrays) for feature in self.features]
        scores = () if self.relations is None else self.relations.scores
        documents += [[(each.feature, each.level) for each in scores], [str(each) for each in self.slices]]
        return sha256(pack("layout", VERSION, documents, arrays)).hexdigest()[:16]

    @property
    def _layouts(self) -> dict[str, Layout]:
        return {feature.name: feature.baseline.layout for feature in self.features}

    @cached_property
    def _scores(self) -> Scores | None:
        if self.relations is None:
            return None
        baselines = {feature.name: feature.baseline for feature in self.features}
        return Scores(baselines=baselines, scores=self.relations.scores)

    def to_bytes(self) -> bytes:
        """Equal references give equal bytes."""
        arrays: _Arrays = []
        document = {
            "layouts": [_packed_layout(feature, arrays) for feature in self.features],
            "whole": _packed_rows(self, arrays),
            "relations": None if self.relations is None else _packed_relations(self.relations, arrays),
            "slices": [asdict(each) | _packed_rows(of_slice, arrays) for each, of_slice in self.slices.items()],
            "has_prediction": self.prediction is not None,
            "groups": list(self.groups),
        }
        inner = [] if self.prediction is None else [self.prediction]
        for reference in (*inner, *self.groups.values()):
            arrays.append(np.frombuffer(reference.to_bytes(), dtype=np.uint8))
        return pack(FORMAT, VERSION, document, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Reference":
        """Raises InvalidReference."""
        try:
            document, packed = unpack(data, FORMAT, VERSION)
            return _unpacked(document, packed)
        except (Unreadable, KeyError, TypeError, ValueError, IndexError, StopIteration) as error:
            raise InvalidReference(f"not a reference: {error}") from error


def build_reference(
    columns: Columns, features: Sequence[Column], *, blocks: Blocks | None = None, slices: Sequence[str] = ()
) -> Reference:
    """The reference of these rows. `blocks`: without them there are no control limits. `slices`: columns whose levels
    are compared by themselves too. Raises UnfitColumn.
    """
    parts = {each: rows_of(each, columns[name]) for name in slices for each in levels_of(name, columns[name])}
    whole = _Rows(features, blocks, alarm_rate=FEATURE_ALARMS)
    by_slice = {
        each: _Rows(features, None if blocks is None else blocks[inside], alarm_rate=SLICE_ALARMS / len(parts))
        for each, inside in parts.items()
    }
    some: dict[str, Values] = {}
    # One column at a time: a mapping may read each when it is asked for.
    for feature in features:
        values = columns[feature.name]
        _require_kind(values, feature)
        layout = layout_of(values)
        whole.add(values, feature, layout)
        for each, inside in parts.items():
            by_slice[each].add(values[inside], feature, layout)
        some[feature.name] = values[evenly_chosen(len(values), ROWS_FOR_RELATIONS)]
    reference = whole.reference()
    if not reference.rows:
        return reference
    some_blocks = None if blocks is None else blocks[evenly_chosen(reference.rows, ROWS_FOR_RELATIONS)]
    baselines = {feature.name: feature.baseline for feature in reference.features}
    return replace(
        reference,
        relations=_relations(baselines, some, some_blocks),
        slices={each: rows.reference() for each, rows in by_slice.items()},
    )


def build_prediction_reference(predictions: npt.NDArray[np.float64], *, blocks: Blocks) -> Reference:
    """Shapes (rows,): a model's answers on rows that it did not learn from, and the day of each."""
    feature = Column(name=PREDICTION, kind=FeatureKind.NUMERIC)
    return build_reference({PREDICTION: predictions}, [feature], blocks=blocks)


def _require_kind(values: Values, feature: Column) -> None:
    if isinstance(values, Categories) != (feature.kind is FeatureKind.CATEGORICAL):
        raise UnfitColumn(f"{feature.name}: it is declared {feature.kind.value}, its values are not")


class _Rows:
    """Builds the reference of some rows, one column at a time."""

    def __init__(self, features: Sequence[Column], blocks: Blocks | None, *, alarm_rate: float) -> None:
        self._features = features
        self._blocks = blocks
        self._alarm_rate = alarm_rate
        self._baselines: list[Baseline] = []
        self._days: list[_Days] = []

    def add(self, values: Values, feature: Column, layout: Layout) -> None:
        baseline = _baseline(values, feature, layout)
        self._baselines.append(baseline)
        blocks = [] if self._blocks is None else _each_block(self._blocks)
        self._days.append(_Days.of(baseline, [sketch_column(feature.name, layout, values[rows]) for rows in blocks]))

    def reference(self) -> "Reference":
        sigmas = family_sigmas([days.judged_by for days in self._days], alarm_rate=self._alarm_rate)
        features = tuple(
            FeatureReference(
                name=feature.name, kind=feature.kind, baseline=baseline, limits=days.limits(sigmas=sigmas)
            )
            for feature, baseline, days in zip(self._features, self._baselines, self._days, strict=True)
        )
        return Reference(rows=features[0].baseline.rows if features else 0, features=features)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Days:
    """How one feature's single days lie from all rows, and from each other. Shapes (days,), or (days - 1,)."""

    psi: Numbers
    wasserstein: Numbers
    jumps: Numbers
    missing_shares: Numbers
    heaviest_shares: Numbers

    @classmethod
    def of(cls, baseline: Baseline, days: Sequence[FeatureSketch]) -> "_Days":
        distances = [distances_between(baseline, day) for day in days]
        return cls(
            psi=np.array([each.psi for each in distances]),
            wasserstein=_or_nan([each.wasserstein_normalised for each in distances]),
            jumps=_or_nan([_jump(baseline, one, other) for one, other in pairwise(days)]),
            missing_shares=np.array([each.missing_share for each in distances]),
            heaviest_shares=np.array([baseline.heaviest_share(day) for day in days]),
        )

    @property
    def has_order(self) -> bool:
        return int(np.isfinite(self.wasserstein).sum()) >= FEWEST_BLOCKS

    @property
    def judged_by(self) -> Numbers:
        """What decides on drift: where values lie, or, where they have no order, how they are spread over levels."""
        return self.wasserstein if self.has_order else self.psi

    def limits(self, *, sigmas: float) -> ControlLimits | None:
        psi = control_limit(self.psi, sigmas=sigmas)
        missing = control_limit(self.missing_shares, sigmas=sigmas)
        if len(self.psi) < FEWEST_BLOCKS or psi is None or missing is None:
            return None
        return ControlLimits(
            psi=psi,
            wasserstein=control_limit(self.wasserstein, sigmas=sigmas) if self.has_order else None,
            jump=control_limit(self.jumps, sigmas=JUMP_SIGMAS) if self.has_order else None,
            missing_share=min(1.0, max(missing, float(self.missing_shares.mean()) + SMALLEST_GAP)),
            heaviest_share=float(self.heaviest_shares.max()),
        )


def _or_nan(values: Sequence[float | None]) -> Numbers:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _baseline(values: Values, feature: Column, layout: Layout) -> Baseline:
    mean = deviation = None
    if feature.kind.is_quantity and not isinstance(values, Categories):
        finite = values[np.isfinite(values)]
        if len(finite):
            with np.errstate(over="ignore", invalid="ignore"):
                mean, deviation = _finite(finite.mean()), _finite(finite.std())
    return Baseline(layout=layout, sketch=sketch_column(feature.name, layout, values), mean=mean, deviation=deviation)


def _finite(value: np.floating[Any]) -> float:
    """Beyond the largest number there is: the largest number."""
    return float(np.nan_to_num(value))


def _jump(baseline: Baseline, one: FeatureSketch, other: FeatureSketch) -> float | None:
    layout, deviation = baseline.layout, baseline.deviation
    if not isinstance(layout, NumericLayout) or not deviation:
        return None
    distance = wasserstein_between(layout, one.counts, other.counts)
    return None if distance is None else distance / deviation


def _each_block(blocks: Blocks) -> Iterator[npt.NDArray[np.bool_]]:
    """In order of time."""
    for block, rows in zip(*np.unique(blocks, return_counts=True), strict=True):
        if rows >= SMALLEST_BLOCK:
            yield blocks == block


def _relations(baselines: Mapping[str, Baseline], columns: Columns, blocks: Blocks | None) -> Relations | None:
    """None where fewer than two features vary."""
    scores = Scores(baselines=baselines, scores=scores_of(baselines))
    if len({each.feature for each in scores.scores}) < 2:
        return None
    relations = Relations(
        scores=scores.scores, moments=scores.moments(columns, most_rows=ROWS_FOR_RELATIONS), limits={}
    )
    days = [] if blocks is None else [scores.moments(taken(columns, rows)) for rows in _each_block(blocks)]
    if len(days) < FEWEST_BLOCKS:
        return relations
    return replace(relations, limits=limits_of(relations, days, alarm_rate=RELATION_ALARMS))


# --- as bytes: arrays are appended, and taken again, in the order of the document ---------------------


def _packed_layout(feature: FeatureReference, arrays: _Arrays) -> dict[str, Any]:
    layout = feature.baseline.layout
    document: dict[str, Any] = {"name": feature.name, "kind": feature.kind.value}
    if isinstance(layout, CategoryLayout):
        return document | {"levels": list(layout.levels), "rare": layout.rare, "is_partial": layout.is_partial}
    arrays += [layout.used, layout.steps]
    document |= {"centre": layout.centre, "scale": layout.scale, "atoms": list(layout.atoms)}
    return document | {"bins": list(layout.bins)}


def _unpacked_layout(entry: Mapping[str, Any], arrays: Iterator[npt.NDArray[Any]]) -> Layout:
    if "levels" in entry:
        return CategoryLayout(levels=tuple(entry["levels"]), rare=entry["rare"], is_partial=entry["is_partial"])
    return NumericLayout(
        centre=entry["centre"],
        scale=entry["scale"],
        atoms=tuple(entry["atoms"]),
        bins=tuple(entry["bins"]),
        used=next(arrays).astype(np.uint16),
        steps=next(arrays).astype(np.uint8),
    )


def _packed_rows(reference: Reference, arrays: _Arrays) -> dict[str, Any]:
    """All but the layouts, which slices share with the whole."""
    return {
        "rows": reference.rows,
        "features": [
            {
                "sketch": packed_feature(feature.baseline.sketch, arrays),
                "mean": feature.baseline.mean,
                "deviation": feature.baseline.deviation,
                "limits": None if feature.limits is None else asdict(feature.limits),
            }
            for feature in reference.features
        ],
    }


def _unpacked_rows(
    document: Mapping[str, Any], layouts: Mapping[str, tuple[FeatureKind, Layout]], arrays: Iterator[npt.NDArray[Any]]
) -> tuple[FeatureReference, ...]:
    return tuple(
        FeatureReference(
            name=name,
            kind=kind,
            baseline=Baseline(
                layout=layout,
                sketch=unpacked_feature(entry["sketch"], arrays),
                mean=entry["mean"],
                deviation=entry["deviation"],
            ),
            limits=None if entry["limits"] is None else ControlLimits(**entry["limits"]),
        )
        for (name, (kind, layout)), entry in zip(layouts.items(), document["features"], strict=True)
    )


def _packed_relations(relations: Relations, arrays: _Arrays) -> dict[str, Any]:
    arrays.append(relations.moments.packed())
    return {
        "scores": [[each.feature, each.level] for each in relations.scores],
        "limits": dict(relations.limits),
    }


def _unpacked_relations(entry: Mapping[str, Any], arrays: Iterator[npt.NDArray[Any]]) -> Relations:
    return Relations(
        scores=tuple(Score(feature, level) for feature, level in entry["scores"]),
        moments=Moments.unpacked(next(arrays)),
        limits=entry["limits"],
    )


def _unpacked(document: Mapping[str, Any], packed: _Arrays) -> Reference:
    arrays = iter(packed)
    layouts = {
        entry["name"]: (FeatureKind(entry["kind"]), _unpacked_layout(entry, arrays)) for entry in document["layouts"]
    }
    features = _unpacked_rows(document["whole"], layouts, arrays)
    relations = None if document["relations"] is None else _unpacked_relations(document["relations"], arrays)
    slices = {
        Slice(column=entry["column"], level=entry["level"]): Reference(
            rows=entry["rows"], features=_unpacked_rows(entry, layouts, arrays)
        )
        for entry in document["slices"]
    }
    prediction = Reference.from_bytes(next(arrays).tobytes()) if document["has_prediction"] else None
    return Reference(
        rows=document["whole"]["rows"],
        features=features,
        relations=relations,
        slices=slices,
        prediction=prediction,
        groups={name: Reference.from_bytes(next(arrays).tobytes()) for name in document["groups"]},
    )
