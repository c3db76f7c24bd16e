"""JSON Schemas of what callers send and get, as far as a model's features and classes say it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evertrain.domain.deployment.routes import MAX_LABELS, MAX_ROWS
from evertrain.domain.landing.feeds import EVENT_TIME
from evertrain.domain.landing.predictions import PREDICTION_ID
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.metric import Task

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedFeature:
    """`example`: a valid value; None where only the kind is known."""

    name: str
    kind: FeatureKind
    nullable: bool
    description: str = ""
    example: float | str | bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedLabel:
    """How labels of the model are reported: by which columns, and whether by predictions too."""

    name: str
    entity_key: str
    event_time: str
    of_predictions: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedModel:
    """What callers have to know of a model. `classes`: where they have names. `label`: where labels are taken."""

    name: str
    title: str
    task: Task
    features: Sequence[DocumentedFeature]
    classes: Sequence[str] = ()
    label: DocumentedLabel | None = None


_KINDS: Mapping[FeatureKind, Schema] = {
    FeatureKind.NUMERIC: {"type": "number", "format": "double"},
    FeatureKind.CATEGORICAL: {"type": "string"},
    FeatureKind.BOOLEAN: {"type": "boolean"},
    FeatureKind.TIMESTAMP: {"type": "string", "format": "date-time"},
}
_EXAMPLES: Mapping[FeatureKind, float | str | bool] = {
    FeatureKind.NUMERIC: 1.0,
    FeatureKind.CATEGORICAL: "text",
    FeatureKind.BOOLEAN: True,
    FeatureKind.TIMESTAMP: "2025-12-31T23:59:00Z",
}


def object_of(properties: Mapping[str, Schema], *, optional: Sequence[str] = ()) -> Schema:
    """An object of these properties and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def list_of(items: Schema, *, at_most: int | None = None) -> Schema:
    return {"type": "array", "items": items, "minItems": 1} | ({} if at_most is None else {"maxItems": at_most})


def row_schema(model: DocumentedModel) -> Schema:
    """One row. What may be null may also be left out."""
    return object_of(
        {feature.name: _feature_schema(feature) for feature in model.features},
        optional=[feature.name for feature in model.features if feature.nullable],
    )


def rows_schema(row: Schema) -> Schema:
    return object_of({"rows": list_of(row, at_most=MAX_ROWS)})


def example_row(model: DocumentedModel) -> dict[str, float | str | bool]:
    return {each.name: _EXAMPLES[each.kind] if each.example is None else each.example for each in model.features}


def _feature_schema(feature: DocumentedFeature) -> Schema:
    schema = dict(_KINDS[feature.kind])
    if feature.nullable:
        schema["type"] = [schema["type"], "null"]
    if feature.description:
        schema["description"] = feature.description
    return schema


def prediction_schema(model: DocumentedModel) -> Schema:
    """A number; the probability of the positive class; or of more than two classes each one's."""
    if model.task is not Task.CLASSIFICATION:
        return {"type": "number", "description": "the predicted number"}
    probability: Schema = {"type": "number", "minimum": 0, "maximum": 1}
    if len(model.classes) > 2:
        of_classes = object_of(dict.fromkeys(model.classes, probability))
        return of_classes | {"description": "the probability of each class"}
    positive = repr(model.classes[-1]) if model.classes else "the positive class"
    return probability | {"description": f"the probability of {positive}"}


def answer_schema(model: DocumentedModel, prediction: Schema) -> Schema:
    return object_of(
        {
            "model": {"const": model.name},
            "model_version": {"type": "string"},
            PREDICTION_ID: {"type": "string", "description": "of a request of many rows, row 3 is <id>:3"},
            "predictions": list_of(prediction),
            "explore": list_of({"type": "boolean"})
            | {"description": "of each row, whether to act as if there were no prediction; where that is declared"},
            "explanations": list_of(explanation_schema(model)) | {"description": "of each row, where asked for"},
        },
        optional=["explore", "explanations"],
    )


def explanation_schema(model: DocumentedModel) -> Schema:
    """Of several classes base and contributions of each."""
    base: Schema = {"type": "number"}
    contributions = object_of({feature.name: base for feature in model.features})
    if model.task is Task.CLASSIFICATION and len(model.classes) > 2:
        base, contributions = (object_of(dict.fromkeys(model.classes, each)) for each in (base, contributions))
    return object_of(
        {
            "scale": {"enum": ["number", "probability", "log-odds", "logit", "log", "log1p"]},
            "base": base | {"description": "what is predicted, on this scale, where nothing is known of a row"},
            "contributions": contributions
            | {"description": "what each feature adds; with the base they add up to the prediction on this scale"},
        }
    )


def description_schema(model: DocumentedModel) -> Schema:
    feature = object_of(
        {
            "name": {"type": "string"},
            "kind": {"enum": [kind.value for kind in FeatureKind]},
            "nullable": {"type": "boolean"},
            "example": {"type": ["number", "string", "boolean"]},
        }
    )
    return object_of(
        {
            "model": {"const": model.name},
            "model_version": {"type": "string"},
            "task": {"const": model.task.value},
            "predicts": {"type": "string"},
            "features": {"type": "array", "items": feature},
            "classes": list_of({"type": "string"}),
        },
        optional=["classes"],
    )


def label_schemas(model: DocumentedModel, label: DocumentedLabel) -> list[Schema]:
    """One label: by the row's key and time, or by the prediction."""
    outcome, time = _outcome_schema(model), {"type": "string", "format": "date-time"}
    key: Schema = {"type": ["string", "integer"], "minLength": 1}
    shapes = [object_of({label.entity_key: key, label.event_time: time, label.name: outcome})]
    if label.of_predictions:
        by_prediction = {PREDICTION_ID: key, label.name: outcome, EVENT_TIME: time}
        shapes.append(object_of(by_prediction, optional=[EVENT_TIME]))
    return shapes


def labels_schema(shape: Schema) -> Schema:
    return object_of({"labels": list_of(shape, at_most=MAX_LABELS)})


def _outcome_schema(model: DocumentedModel) -> Schema:
    if model.task is not Task.CLASSIFICATION:
        return dict(_KINDS[FeatureKind.NUMERIC])
    return {"enum": list(model.classes) if model.classes else [0, 1, True, False]}


def accepted_schema(model: DocumentedModel) -> Schema:
    return object_of(
        {
            "model": {"const": model.name},
            "report_id": {"type": "string"},
            "accepted": {"type": "integer", "minimum": 1, "maximum": MAX_LABELS},
        }
    )


ERROR: Schema = object_of(
    {
        "error": {"type": "string", "description": "one sentence that names the thing and the remedy"},
        "request_id": {"type": "string", "description": "by which the function's log has what happened"},
    },
    optional=["request_id"],
)
GATEWAY_ERROR: Schema = {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}
