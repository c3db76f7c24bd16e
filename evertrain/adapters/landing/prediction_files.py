"""Requests and answers as a Parquet file of the feed `predictions/<model>`."""

import io
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from evertrain.adapters.store.schema import stored_schema
from evertrain.domain.landing.feeds import EVENT_TIME, INGESTED_AT, prediction_schema
from evertrain.domain.landing.predictions import (
    EXPLORE_SHARE,
    EXPLORED,
    MODEL_VERSION,
    PREDICTED_CLASS,
    PREDICTION,
    PREDICTION_ID,
    AnsweredRequest,
)
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.prediction import most_probable, probability_columns
from evertrain.scoring.rows import read_time


def prediction_file(spec: ModelSpec, answered: Sequence[AnsweredRequest]) -> bytes:
    """Equal requests give equal bytes. A feature that a request's version did not have is missing."""
    stored = stored_schema(prediction_schema(spec))
    schema = stored.remove(stored.get_field_index(INGESTED_AT))
    columns = {
        PREDICTION_ID: [name for each in answered for name in each.row_ids],
        EVENT_TIME: [each.answered_at for each in answered for _ in each.rows],
        MODEL_VERSION: [each.model_version for each in answered for _ in each.rows],
        PREDICTION: [most_probable(prediction)[1] for each in answered for prediction in each.predictions],
        **_class_columns(spec, answered),
        EXPLORED: [explored for each in answered for explored in each.explored],
        EXPLORE_SHARE: [each.explore_share for each in answered for _ in each.rows],
        **{
            feature.name: [_value(row.get(feature.name), feature.kind) for each in answered for row in each.rows]
            for feature in spec.features
        },
    }
    file = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema), file, compression="zstd")
    return file.getvalue()


def _class_columns(spec: ModelSpec, answered: Sequence[AnsweredRequest]) -> dict[str, list[object]]:
    """Of more than two classes. What a version answered that knew another number of classes is missing."""
    if not spec.is_multiclass:
        return {}
    predictions = [prediction for each in answered for prediction in each.predictions]
    by_class = [each if isinstance(each, Mapping) else {} for each in predictions]
    columns = zip(spec.label.classes, probability_columns(spec.label.classes), strict=True)
    return {
        PREDICTED_CLASS: [most_probable(each)[0] for each in predictions],
        **{column: [each.get(name) for each in by_class] for name, column in columns},
    }


def _value(value: object, kind: FeatureKind) -> object:
    """None where a version of the model took another kind than is declared now."""
    if kind is FeatureKind.CATEGORICAL:
        # JSON may carry half of a surrogate pair, Parquet may not.
        return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None
    if kind is FeatureKind.TIMESTAMP:
        return read_time(value)
    if kind is FeatureKind.BOOLEAN:
        return value if isinstance(value, bool) else None
    return float(value) if isinstance(value, int | float) else None
