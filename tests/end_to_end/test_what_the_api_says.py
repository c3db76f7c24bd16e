"""The HTTP API answers as its OpenAPI document says, asked whatever that allows and more. Last, since what is asked
here is nonsense and lands, too."""

from typing import Any

import pytest
import requests
import schemathesis
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from openapi_spec_validator import OpenAPIV31SpecValidator
from requests.auth import AuthBase

from evertrain.domain.deployment.routes import API_DOCUMENT, DESCRIBE, MODEL_DOCUMENT, PREDICT
from evertrain.domain.release.openapi import project_document
from tests.builders.fuzzing import ask_everything, operations, text_bodies
from tests.end_to_end.loop import Loop

EXAMPLES = 20


class Signed(AuthBase):
    """As IAM authorisation wants it."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        unsigned = AWSRequest(method=request.method, url=request.url, data=request.body)
        SigV4Auth(self._session.get_credentials(), "execute-api", self._session.region_name).add_auth(unsigned)
        request.headers.update(dict(unsigned.headers.items()))
        return request


@pytest.fixture(scope="module")
def signed(loop: Loop) -> Signed:
    return Signed(loop.stage.session)


def document(loop: Loop, signed: Signed, path: str) -> Any:
    response = requests.get(loop.stage.api.url + path, auth=signed, timeout=30)
    assert response.status_code == 200, response.text
    return response.json()


def test_the_whole_api_is_told_as_the_project_declares_it(loop: Loop, signed: Signed) -> None:
    assert document(loop, signed, API_DOCUMENT.path) == project_document(loop.project)


@pytest.mark.parametrize("model", ["flights", "air_time"])
def test_every_answer_is_as_the_document_says(loop: Loop, signed: Signed, model: str) -> None:
    told = document(loop, signed, MODEL_DOCUMENT.of(model))
    OpenAPIV31SpecValidator(told).validate()
    champion = loop.stage.registry.champion(model)
    assert champion is not None
    assert told["info"]["version"] == champion.version
    row = told["paths"][PREDICT.of(model)]["post"]["requestBody"]["content"]["application/json"]["example"]
    text_bodies([row])

    def send(case: schemathesis.Case) -> Any:
        return case.call(base_url=loop.stage.api.url, auth=signed)

    counts = {each.label: ask_everything(each, send, examples=EXAMPLES) for each in operations(told)}
    assert set(counts) == {f"{each.method} {each.of(model)}" for each in (PREDICT, DESCRIBE, MODEL_DOCUMENT)}
    assert all(200 in found for found in counts.values()), counts


def test_a_prediction_is_explained_and_comes_as_csv(loop: Loop, signed: Signed) -> None:
    told = document(loop, signed, MODEL_DOCUMENT.of("flights"))
    path = PREDICT.of("flights")
    row = told["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
    url = loop.stage.api.url + path
    answer = requests.post(url, json=row, params={"explain": "true"}, auth=signed, timeout=30).json()
    (explanation,) = answer["explanations"]
    assert explanation["scale"] == "log-odds"
    assert list(explanation["contributions"]) == list(loop.project.models["flights"].feature_names)
    lines = "\n".join([",".join(row), ",".join(map(str, row.values()))])
    headers = {"content-type": "text/csv", "accept": "text/csv"}
    as_csv = requests.post(url, data=lines.encode(), headers=headers, auth=signed, timeout=30)
    assert as_csv.text == f"prediction\n{answer['predictions'][0]}\n"
    assert as_csv.headers["x-model-version"] == answer["model_version"]
    assert as_csv.headers["x-prediction-id"]
