"""The HTTP API as an OpenAPI 3.1 document, made from what models want and answer. Pure: values in, a document out."""

from collections.abc import Mapping, Sequence
from typing import Any

from evertrain.domain.deployment.routes import (
    API_DOCUMENT,
    DESCRIBE,
    MAX_BODY_BYTES,
    MAX_ROWS,
    MODEL_DOCUMENT,
    MODEL_VERSION_HEADER,
    PREDICT,
    PREDICTION_ID_HEADER,
    REPORT_LABELS,
    Route,
)
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.release.openapi_schemas import (
    ERROR,
    GATEWAY_ERROR,
    DocumentedFeature,
    DocumentedLabel,
    DocumentedModel,
    Schema,
    accepted_schema,
    answer_schema,
    description_schema,
    example_row,
    label_schemas,
    labels_schema,
    prediction_schema,
    row_schema,
    rows_schema,
)

VERSION = "3.1.0"
Document = dict[str, Any]

_REFUSALS = {
    400: "the request does not fit; the sentence names the row and the feature",
    406: "accept asks for a form that is not there",
    413: f"more than {MAX_ROWS:,} rows, or than {MAX_BODY_BYTES:,} bytes",
    415: "content-type names a form that is not taken",
    500: "something failed; request_id names it",
    503: "there is no champion yet",
}
_OF_GATEWAY = {403: "no valid signature", 429: "above the rates; worth trying again"}
_SIGNED = "sigv4"


def project_document(project: Project) -> Document:
    """Of all models, as the project declares them."""
    models = [declared_model(project.models[name]) for name in sorted(project.models)]
    about = (
        "Every model as the project declares it. What the version that answers now was trained on is told by "
        f"{MODEL_DOCUMENT.path}."
    )
    return api_document(models, title="Predictions", version="declared", about=about, of_all=True)


def declared_model(spec: ModelSpec) -> DocumentedModel:
    label, group = spec.label, spec.group
    return DocumentedModel(
        name=spec.name,
        title=spec.title,
        task=spec.task,
        classes=label.classes,
        features=[
            DocumentedFeature(name=each.name, kind=each.kind, nullable=each.nullable, description=each.description)
            for each in spec.features
        ],
        label=DocumentedLabel(
            name=label.name,
            entity_key=group.entity_key,
            event_time=group.event_time,
            of_predictions=label.of_predictions,
        ),
    )


def api_document(
    models: Sequence[DocumentedModel], *, title: str, version: str, about: str, of_all: bool = False
) -> Document:
    """`version`: of the model that it is made from. `of_all`: with the path of the whole API's own document."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Schema] = {"error": ERROR, "gateway_error": GATEWAY_ERROR}
    for model in models:
        paths |= _paths(model)
        schemas |= _schemas(model)
    if of_all:
        answers = {"200": _answer("this document", {"type": "object"})} | _refused(500, 403, 429)
        paths[API_DOCUMENT.path] = _operation(API_DOCUMENT, name="describe_api", responses=answers)
    return {
        "openapi": VERSION,
        "info": {"title": title, "version": version, "description": about},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {_SIGNED: _AWS_SIGNATURE}},
    }


_AWS_SIGNATURE = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "AWS Signature 4 for the service execute-api; predictions need none with endpoint_auth=none",
    "x-amazon-apigateway-authtype": "awsSigv4",
}


def _schemas(model: DocumentedModel) -> dict[str, Schema]:
    """By names that begin with the model's."""
    name = model.name
    found = {
        f"{name}.row": row_schema(model),
        f"{name}.rows": rows_schema(_ref(f"{name}.row")),
        f"{name}.prediction": prediction_schema(model),
        f"{name}.answer": answer_schema(model, _ref(f"{name}.prediction")),
        f"{name}.description": description_schema(model),
    }
    if model.label is not None:
        shapes = label_schemas(model, model.label)
        found |= {
            f"{name}.label": shapes[0] if len(shapes) == 1 else {"anyOf": shapes},
            f"{name}.labels": labels_schema(_ref(f"{name}.label")),
            f"{name}.accepted": accepted_schema(model),
        }
    return found


def _paths(model: DocumentedModel) -> dict[str, Any]:
    name = model.name
    paths = {
        PREDICT.of(name): _operation(
            PREDICT,
            name=f"predict_{name}",
            summary=model.title,
            parameters=[_EXPLAIN],
            body=_body(_ref(f"{name}.row"), _ref(f"{name}.rows"), example_row(model), also=_ROWS_AS_TEXT),
            responses={"200": _predictions(name)} | _refused(*_REFUSALS, *_OF_GATEWAY),
        ),
        DESCRIBE.of(name): _operation(
            DESCRIBE,
            name=f"describe_{name}",
            responses={"200": _answer("the version and its features", _ref(f"{name}.description"))}
            | _refused(500, 503, *_OF_GATEWAY),
        ),
        MODEL_DOCUMENT.of(name): _operation(
            MODEL_DOCUMENT,
            name=f"document_{name}",
            responses={"200": _answer("a document like this one", {"type": "object"})}
            | _refused(500, 503, *_OF_GATEWAY),
        ),
    }
    if model.label is not None:
        paths[REPORT_LABELS.of(name)] = _operation(
            REPORT_LABELS,
            name=f"report_labels_of_{name}",
            body=_body(_ref(f"{name}.label"), _ref(f"{name}.labels")),
            responses={"202": _answer("kept", _ref(f"{name}.accepted"))} | _refused(400, 404, 500, *_OF_GATEWAY),
        )
    return paths


def _operation(
    route: Route,
    *,
    name: str,
    responses: Mapping[str, Any],
    summary: str = "",
    parameters: Sequence[Mapping[str, Any]] = (),
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary or f"{route.means[0].upper()}{route.means[1:]}",
        "security": [{_SIGNED: []}] if route.always_signed else [{_SIGNED: []}, {}],
        "responses": dict(responses),
    }
    if parameters:
        operation["parameters"] = [dict(each) for each in parameters]
    if body is not None:
        operation["requestBody"] = dict(body)
    return {route.method.lower(): operation}


def _body(
    one: Schema,
    many: Schema,
    example: Mapping[str, Any] | None = None,
    *,
    also: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"anyOf": [one, many]}}
    if example is not None:
        content["example"] = dict(example)
    return {"required": True, "content": {"application/json": content} | dict(also or {})}


def _text(description: str) -> dict[str, Any]:
    return {"schema": {"type": "string", "description": description}}


_EXPLAIN = {
    "name": "explain",
    "in": "query",
    "description": "Whether to tell what each feature added to each prediction; for fewer rows, and not in CSV.",
    "schema": {"type": "boolean", "default": False},
}
_ROWS_AS_TEXT = {
    "text/csv": _text(
        "A line of features' names, then a line for each row; with `; header=absent` rows alone, in the order of the "
        "features. An empty cell is null."
    ),
    "application/jsonlines": _text("A line for each row, an object of features."),
    "application/x-ndjson": _text("The same under its other name."),
}
_ANSWERS_AS_TEXT = {
    "text/csv": _text("A line of names, then a line for each row; with `; header=absent` rows alone."),
    "application/jsonlines": _text("A line for each row, an object with its prediction."),
    "application/x-ndjson": _text("The same under its other name."),
}


def _predictions(name: str) -> dict[str, Any]:
    found = _answer("predictions in the order of the rows", _ref(f"{name}.answer"))
    found["content"] |= _ANSWERS_AS_TEXT
    text = {"required": True, "schema": {"type": "string"}}
    return found | {"headers": {PREDICTION_ID_HEADER: text, MODEL_VERSION_HEADER: text}}


def _answer(description: str, schema: Schema) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _refused(*statuses: int) -> dict[str, Any]:
    """By status: ours, and those of API Gateway."""
    ours = {404: "there is no such model"} | _REFUSALS
    return {
        str(status): _answer(_OF_GATEWAY[status], _ref("gateway_error"))
        if status in _OF_GATEWAY
        else _answer(ours[status], _ref("error"))
        for status in statuses
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
