"""The OpenAPI document: valid, and it tells of each model what its endpoint takes and answers."""

from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from evertrain.domain.deployment.routes import ROUTES
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.metric import Metric, Task
from evertrain.domain.project.model import Project
from evertrain.domain.release.openapi import api_document, declared_model, project_document
from evertrain.domain.release.openapi_schemas import DocumentedModel
from tests.builders.models import a_group, a_model

ROW = {"distance": 740.0, "wind": None, "carrier": "AA", "holiday": False}
LABEL = {"trip_id": "t-1", "departed_at": "2013-03-31T10:00:00Z", "late": 1}
LENGTHS = replace(a_model("lengths"), task=Task.REGRESSION, metric=Metric.MEAN_ABSOLUTE_ERROR)
ASKED = replace(a_model("asked"), label=replace(a_model().label, of_predictions=True))
NAMED = replace(a_model("named"), label=replace(a_model().label, classes=("on time", "late")))
PROJECT = Project(
    groups={"trips": a_group()}, models={each.name: each for each in (a_model(), LENGTHS, ASKED, NAMED)}
)
DOCUMENT = project_document(PROJECT)


def schema(name: str, *, document: dict[str, Any] = DOCUMENT) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": document["components"]})


def test_the_document_of_a_project_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_every_route_is_told_of_every_model() -> None:
    told = {(method.upper(), path) for path, found in DOCUMENT["paths"].items() for method in found}
    assert told == {(route.method, route.of(model)) for route in ROUTES for model in PROJECT.models}


@pytest.mark.parametrize(
    ("row", "is_valid"),
    [
        (ROW, True),
        ({name: value for name, value in ROW.items() if name != "wind"}, True),
        ({name: value for name, value in ROW.items() if name != "carrier"}, False),
        (ROW | {"holiday": None}, False),
        (ROW | {"distance": "far"}, False),
        (ROW | {"speed": 1}, False),
    ],
)
def test_a_row_has_the_model_s_features_and_no_others(row: object, is_valid: bool) -> None:
    assert schema("trips.row").is_valid(row) is is_valid
    assert schema("trips.rows").is_valid({"rows": [ROW, row]}) is is_valid


def test_a_time_is_text() -> None:
    since = Column(name="since", kind=FeatureKind.TIMESTAMP, nullable=True)
    group = replace(a_group(), columns=(*a_group().columns, since))
    spec = replace(a_model(), group=group, feature_names=(*a_model().feature_names, "since"))
    document = project_document(Project(groups={"trips": group}, models={"trips": spec}))
    asked = schema("trips.row", document=document)
    assert asked.is_valid(ROW | {"since": "2013-03-31T10:00:00Z"})
    assert asked.is_valid(ROW | {"since": None})
    assert not asked.is_valid(ROW | {"since": 3})


def test_a_prediction_is_a_probability_or_a_number_or_one_of_each_class() -> None:
    assert schema("trips.prediction").is_valid(0.3)
    assert not schema("trips.prediction").is_valid(1.3)
    assert schema("lengths.prediction").is_valid(-130.5)
    several = replace(declared_model(a_model()), classes=("early", "on time", "late"))
    document = api_document([several], title="trips", version="v1", about="")
    OpenAPIV31SpecValidator(document).validate()
    probabilities = schema("trips.prediction", document=document)
    assert probabilities.is_valid({"early": 0.1, "on time": 0.7, "late": 0.2})
    assert not probabilities.is_valid({"early": 0.1, "on time": 0.9})


@pytest.mark.parametrize(
    ("model", "label", "is_valid"),
    [
        ("trips", LABEL, True),
        ("trips", LABEL | {"late": 2}, False),
        ("trips", {"prediction_id": "a1:0", "late": 1}, False),
        ("asked", {"prediction_id": "a1:0", "late": 1}, True),
        ("asked", LABEL, True),
        ("named", LABEL | {"late": "on time"}, True),
        ("named", LABEL, False),
        ("lengths", LABEL | {"late": 12.5}, True),
    ],
)
def test_a_label_is_told_as_the_model_declares_it(model: str, label: object, is_valid: bool) -> None:
    assert schema(f"{model}.label").is_valid(label) is is_valid


def test_a_model_without_a_way_for_labels_has_none() -> None:
    without: DocumentedModel = replace(declared_model(a_model()), label=None)
    document = api_document([without], title="trips", version="v1", about="")
    OpenAPIV31SpecValidator(document).validate()
    assert "/models/trips/labels" not in document["paths"]
