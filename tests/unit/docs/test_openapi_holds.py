"""What the OpenAPI document says is so: the functions behind the HTTP API are asked whatever it allows, and more."""

import base64
import io
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

import pytest
import schemathesis

from evertrain.domain.deployment.routes import ROUTES
from reference.doors import CLASSES, Doors, make_doors
from reference.http import ROW
from tests.builders.fuzzing import ask_everything, text_bodies

EXAMPLES = 60
TEXT_TYPES = ("text/", "application/json", "application/xml", "application/javascript")
"""Whose bodies the HTTP API hands over as they are; any other's as base64."""


class HttpApi:
    """The functions as a WSGI application, as API Gateway calls them by its payload format 2.0."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        body = environ.get("wsgi.input", io.BytesIO()).read(int(environ.get("CONTENT_LENGTH") or 0))
        content_type = environ.get("CONTENT_TYPE", "")
        headers = {
            name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name[:5] == "HTTP_"
        }
        is_text = content_type.startswith(TEXT_TYPES)
        request = {
            "body": body.decode("utf-8", "replace") if is_text else base64.b64encode(body).decode(),
            "isBase64Encoded": not is_text,
            "headers": headers | {"content-type": content_type},
            "queryStringParameters": dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)),
        }
        route = next((each for each in ROUTES if each.method == method and each.takes(path)), None)
        if route is not None and route.always_signed and "authorization" not in headers:
            start_response("403 Forbidden", [("content-type", "application/json")])
            return [b'{"message": "Forbidden"}']
        answer = self._doors.answer(method, path, request, route=route)
        start_response(f"{answer['statusCode']} as told", list(answer["headers"].items()))
        return [answer["body"].encode()]


SCHEMA = schemathesis.openapi.from_wsgi("/openapi.json", HttpApi(make_doors()))
OF_CLASSES = schemathesis.openapi.from_wsgi("/openapi.json", HttpApi(make_doors(CLASSES)))
text_bodies([ROW, ROW | {"distance": 2900, "carrier": "DL"}])


@pytest.mark.parametrize(
    "operation", [each.ok() for each in SCHEMA.get_all_operations()], ids=lambda each: each.label
)
def test_every_answer_is_as_the_document_says(operation: Any) -> None:
    counts = ask_everything(operation, lambda case: case.call(), examples=EXAMPLES)
    assert set(counts) & {200, 202}
    assert not any(status >= 500 for status in counts)


def test_predictions_of_several_classes_are_as_the_document_says() -> None:
    predict, *_ = (each.ok() for each in OF_CLASSES.get_all_operations())
    assert predict.path.endswith("/predict")
    assert 200 in ask_everything(predict, lambda case: case.call(), examples=EXAMPLES // 2)
