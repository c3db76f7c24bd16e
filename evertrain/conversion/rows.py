"""Rows of a data frame as a caller of the endpoint would send them."""

import pandas as pd

from evertrain.domain.project.feature_group import FeatureKind
from evertrain.scoring import ServableModel


def rows_of(frame: pd.DataFrame, model: ServableModel) -> list[dict[str, object]]:
    """As a caller of the endpoint would send them."""
    columns: dict[str, list[object]] = {}
    for feature in model.features:
        values = frame[feature.name]
        objects = values.to_numpy(dtype=object, copy=True)
        objects[values.isna().to_numpy()] = None
        plain = objects.tolist()
        boolean = feature.kind is FeatureKind.BOOLEAN
        columns[feature.name] = [None if value is None else bool(value) for value in plain] if boolean else plain
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
