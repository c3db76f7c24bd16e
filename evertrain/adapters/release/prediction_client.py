"""The prediction endpoint over HTTP, signed as IAM authorisation wants it. Knows no model."""

import json
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from evertrain.domain.errors import EvertrainError


class PredictionRefused(EvertrainError):
    """The endpoint answered with a status other than 200 or 202; the text is its own sentence."""


class PredictionClient:
    """`url` is the HTTP API's root, without a slash at its end."""

    def __init__(self, *, url: str, session: boto3.Session) -> None:
        self.url = url
        self._session = session
        self._http = URLLib3Session(timeout=30)

    def predict(self, model: str, body: object) -> dict[str, Any]:
        return self._call("POST", f"/models/{model}/predict", json.dumps(body).encode())

    def report_labels(self, model: str, body: object) -> dict[str, Any]:
        return self._call("POST", f"/models/{model}/labels", json.dumps(body).encode())

    def describe(self, model: str) -> dict[str, Any]:
        return self._call("GET", f"/models/{model}")

    def _call(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        headers: Mapping[str, str] = {"content-type": "application/json"} if body else {}
        request = AWSRequest(method=method, url=self.url + path, data=body, headers=headers)
        credentials = self._session.get_credentials()
        if credentials is not None:
            SigV4Auth(credentials, "execute-api", self._session.region_name).add_auth(request)
        response = self._http.send(request.prepare())
        if response.status_code not in (200, 202):
            raise PredictionRefused(f"{response.status_code}: {_error_message(response.text)}")
        result: dict[str, Any] = json.loads(response.text)
        return result


def _error_message(text: str) -> str:
    try:
        said = json.loads(text)
    except ValueError:
        return text
    # `error` is our handler's, `message` is API Gateway's own.
    return str(said.get("error") or said.get("message") or text) if isinstance(said, dict) else text
