"""What callers can know of the model that answers: in few words, and as an OpenAPI document."""

from typing import Any

from evertrain.domain.project.metric import Task
from evertrain.scoring import ServableModel
from serving.wiring import ServedModel


def describe(served: ServedModel) -> dict[str, Any]:
    model = served.model
    return {
        "model": model.model,
        "model_version": served.version,
        "task": model.task.value,
        "predicts": _predicted(model),
        "features": [
            {
                "name": feature.name,
                "kind": feature.kind.value,
                "nullable": feature.nullable,
                "example": feature.example,
            }
            for feature in model.features
        ],
    } | ({"classes": list(model.classes)} if model.classes else {})


def document(served: ServedModel) -> dict[str, Any]:
    """Of this version: a champion may want other features than the project declares by now."""
    # A cold start is shorter without these, and few ask.
    from evertrain.domain.release.openapi import api_document  # noqa: PLC0415
    from evertrain.domain.release.openapi_schemas import DocumentedFeature, DocumentedModel  # noqa: PLC0415

    model = served.model
    documented = DocumentedModel(
        name=model.model,
        title=f"Predictions of {model.model}",
        task=model.task,
        classes=model.classes,
        features=[
            DocumentedFeature(name=each.name, kind=each.kind, nullable=each.nullable, example=each.example)
            for each in model.features
        ],
    )
    about = "The version that answers now, and what it was trained on."
    return api_document([documented], title=documented.title, version=served.version, about=about)


def _predicted(model: ServableModel) -> str:
    if model.task is not Task.CLASSIFICATION:
        return "number"
    if len(model.classes) > 2:
        return "probability of each class"
    return f"probability of {model.classes[-1]!r}" if model.classes else "probability of the positive class"
