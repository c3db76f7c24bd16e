"""Parts of a reference to JSON documents with arrays beside them, and back.

Arrays are written and read in the order of the document.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from evertrain.domain.project.feature_group import FeatureKind
from evertrain.statistics.control_limits import ControlLimits
from evertrain.statistics.distances import Baseline
from evertrain.statistics.layouts import CategoryLayout, Layout, NumericLayout
from evertrain.statistics.moments import Moments
from evertrain.statistics.reference.features import FeatureReference
from evertrain.statistics.relations import Relations
from evertrain.statistics.scores import FeatureScore
from evertrain.statistics.sketch import pack_feature, unpack_feature

Arrays = list[npt.NDArray[Any]]

_MODE_SHARE = "heaviest_share"
"""The key of `mode_share` in stored references."""


def pack_layout(feature: FeatureReference, arrays: Arrays) -> dict[str, Any]:
    layout = feature.baseline.layout
    document: dict[str, Any] = {"name": feature.name, "kind": feature.kind.value}
    if isinstance(layout, CategoryLayout):
        return document | {"levels": list(layout.levels), "rare": layout.rare, "is_partial": layout.is_partial}
    arrays += [layout.used, layout.steps]
    document |= {"centre": layout.centre, "scale": layout.scale, "atoms": list(layout.atoms)}
    return document | {"bins": list(layout.bins)}


def unpack_layout(entry: Mapping[str, Any], arrays: Iterator[npt.NDArray[Any]]) -> Layout:
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


def pack_features(rows: int, features: Sequence[FeatureReference], arrays: Arrays) -> dict[str, Any]:
    """All but the layouts, which slices share with the whole."""
    return {
        "rows": rows,
        "features": [
            {
                "sketch": pack_feature(feature.baseline.sketch, arrays),
                "mean": feature.baseline.mean,
                "deviation": feature.baseline.deviation,
                "limits": None if feature.limits is None else _pack_limits(feature.limits),
                "importance": feature.importance,
            }
            for feature in features
        ],
    }


def unpack_features(
    document: Mapping[str, Any], layouts: Mapping[str, tuple[FeatureKind, Layout]], arrays: Iterator[npt.NDArray[Any]]
) -> tuple[FeatureReference, ...]:
    return tuple(
        FeatureReference(
            name=name,
            kind=kind,
            baseline=Baseline(
                layout=layout,
                sketch=unpack_feature(entry["sketch"], arrays),
                mean=entry["mean"],
                deviation=entry["deviation"],
            ),
            limits=None if entry["limits"] is None else _unpack_limits(entry["limits"]),
            importance=entry.get("importance"),
        )
        for (name, (kind, layout)), entry in zip(layouts.items(), document["features"], strict=True)
    )


def _pack_limits(limits: ControlLimits) -> dict[str, Any]:
    document = asdict(limits)
    return document | {_MODE_SHARE: document.pop("mode_share")}


def _unpack_limits(entry: Mapping[str, Any]) -> ControlLimits:
    limits = dict(entry)
    return ControlLimits(mode_share=limits.pop(_MODE_SHARE), **limits)


def pack_relations(relations: Relations, arrays: Arrays) -> dict[str, Any]:
    arrays.append(relations.moments.packed())
    return {
        "scores": [[each.feature, each.level] for each in relations.scores],
        "limits": dict(relations.limits),
        "kurtosis": dict(relations.kurtosis),
    }


def unpack_relations(entry: Mapping[str, Any], arrays: Iterator[npt.NDArray[Any]]) -> Relations:
    return Relations(
        scores=tuple(FeatureScore(feature, level) for feature, level in entry["scores"]),
        moments=Moments.unpacked(next(arrays)),
        limits=entry["limits"],
        kurtosis=entry.get("kurtosis", {}),
    )
