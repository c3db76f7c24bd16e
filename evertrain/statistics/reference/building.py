"""Builds the reference of a version from its training rows, one column at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from evertrain.domain.landing.predictions import PREDICTED_CLASS, PREDICTION
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.statistics.blocks import MIN_BLOCKS, Blocks, rows_of_blocks
from evertrain.statistics.class_metrics import most_probable
from evertrain.statistics.control_limits import BlockDistances, family_sigmas
from evertrain.statistics.distances import Baseline
from evertrain.statistics.layouts import Categories, Layout, build_layout, evenly_spaced_sample
from evertrain.statistics.layouts import Column as Values
from evertrain.statistics.reference.features import FeatureReference
from evertrain.statistics.reference.reference import Columns, Reference
from evertrain.statistics.relations import Relations, spread_limits
from evertrain.statistics.scores import FeatureScores, feature_scores
from evertrain.statistics.sketch import ColumnMismatch, sketch_column
from evertrain.statistics.slicing import frequent_slices, rows_in_slice

FEATURE_FALSE_ALARM_RATE, RELATION_FALSE_ALARM_RATE, SLICE_FALSE_ALARM_RATE = 0.03, 0.01, 0.01
"""Share of days like those of training on which any feature, relation or slice lies beyond its control limit."""

MAX_ROWS_FOR_RELATIONS = 100_000
"""Training rows, evenly chosen, from which relations are estimated: all columns of so many fit in memory."""


def build_reference(
    columns: Columns, features: Sequence[Column], *, blocks: Blocks | None = None, slices: Sequence[str] = ()
) -> Reference:
    """The reference of these rows.

    `blocks`: the day of each; without them there are no control limits. `slices`: columns whose levels are also
    compared separately. Raises ColumnMismatch.
    """
    parts = {
        each: rows_in_slice(each, columns[name]) for name in slices for each in frequent_slices(name, columns[name])
    }
    whole = _ReferenceBuilder(features, blocks, false_alarm_rate=FEATURE_FALSE_ALARM_RATE)
    # Each slice is a family of tests of its own, and gets its part of the rate.
    slice_rate = SLICE_FALSE_ALARM_RATE / max(1, len(parts))
    by_slice = {
        each: _ReferenceBuilder(features, None if blocks is None else blocks[inside], false_alarm_rate=slice_rate)
        for each, inside in parts.items()
    }
    sampled: dict[str, Values] = {}
    # One column at a time: a mapping may read each when it is asked for.
    for feature in features:
        values = columns[feature.name]
        _require_kind(values, feature)
        layout = build_layout(values)
        whole.add(values, feature, layout)
        for each, inside in parts.items():
            by_slice[each].add(values[inside], feature, layout)
        sampled[feature.name] = values[evenly_spaced_sample(len(values), MAX_ROWS_FOR_RELATIONS)]
    reference = whole.build()
    if not reference.rows:
        return reference
    sampled_blocks = None if blocks is None else blocks[evenly_spaced_sample(reference.rows, MAX_ROWS_FOR_RELATIONS)]
    baselines = {feature.name: feature.baseline for feature in reference.features}
    return replace(
        reference,
        relations=_build_relations(baselines, sampled, sampled_blocks),
        slices={each: rows.build() for each, rows in by_slice.items()},
    )


def build_prediction_reference(
    predictions: npt.NDArray[np.float64], *, blocks: Blocks, classes: Sequence[str] = ()
) -> Reference:
    """The reference of predictions for rows that the model was not trained on. Shapes (rows,); blocks are days. Of
    more than two `classes`, `predictions` of shape (rows, classes): which one is most probable, and how probable."""
    number = Column(name=PREDICTION, kind=FeatureKind.NUMERIC)
    if predictions.ndim == 1:
        return build_reference({PREDICTION: predictions}, [number], blocks=blocks)
    taken = Categories(codes=most_probable(predictions).astype(np.int32), levels=tuple(classes))
    columns: dict[str, Values] = {PREDICTION: predictions.max(axis=1), PREDICTED_CLASS: taken}
    class_of_row = Column(name=PREDICTED_CLASS, kind=FeatureKind.CATEGORICAL)
    return build_reference(columns, [number, class_of_row], blocks=blocks)


def _require_kind(values: Values, feature: Column) -> None:
    if isinstance(values, Categories) != (feature.kind is FeatureKind.CATEGORICAL):
        raise ColumnMismatch(f"{feature.name}: it is declared {feature.kind.value}, its values are not")


class _ReferenceBuilder:
    """Builds the reference of some rows, one column at a time."""

    def __init__(self, features: Sequence[Column], blocks: Blocks | None, *, false_alarm_rate: float) -> None:
        self._features = features
        self._blocks = [] if blocks is None else rows_of_blocks(blocks)
        self._false_alarm_rate = false_alarm_rate
        self._baselines: list[Baseline] = []
        self._days: list[BlockDistances] = []

    def add(self, values: Values, feature: Column, layout: Layout) -> None:
        baseline = _build_baseline(values, feature, layout)
        self._baselines.append(baseline)
        places = layout.places(values)  # type: ignore[arg-type]  # the layout was built of them
        counts = (np.bincount(places[rows], minlength=layout.size) for rows in self._blocks)
        self._days.append(BlockDistances.of_days(baseline, counts))

    def build(self) -> Reference:
        sigmas = family_sigmas(
            [days.decisive_distances for days in self._days], false_alarm_rate=self._false_alarm_rate
        )
        features = tuple(
            FeatureReference(
                name=feature.name, kind=feature.kind, baseline=baseline, limits=days.limits(sigmas=sigmas)
            )
            for feature, baseline, days in zip(self._features, self._baselines, self._days, strict=True)
        )
        return Reference(rows=features[0].baseline.rows if features else 0, features=features)


def _build_baseline(values: Values, feature: Column, layout: Layout) -> Baseline:
    mean = deviation = None
    if feature.kind.is_quantitative and not isinstance(values, Categories):
        finite = values[np.isfinite(values)]
        if len(finite):
            with np.errstate(over="ignore", invalid="ignore"):
                mean, deviation = _finite(finite.mean()), _finite(finite.std())
    return Baseline(layout=layout, sketch=sketch_column(feature.name, layout, values), mean=mean, deviation=deviation)


def _finite(value: np.floating[Any]) -> float:
    """The largest float where it overflowed."""
    return float(np.nan_to_num(value))


def _build_relations(baselines: Mapping[str, Baseline], columns: Columns, blocks: Blocks | None) -> Relations | None:
    """None where fewer than two features vary."""
    scores = FeatureScores(baselines=baselines, scores=feature_scores(baselines))
    if len({each.feature for each in scores.scores}) < 2:
        return None
    relations = Relations(
        scores=scores.scores, moments=scores.moments(columns, max_rows=MAX_ROWS_FOR_RELATIONS), limits={}
    )
    relations = replace(relations, kurtosis=relations.measure_kurtosis(scores, columns))
    days = [] if blocks is None else scores.moments_of_parts(columns, rows_of_blocks(blocks))
    if len(days) < MIN_BLOCKS:
        return relations
    return replace(relations, limits=spread_limits(relations, days, false_alarm_rate=RELATION_FALSE_ALARM_RATE))
