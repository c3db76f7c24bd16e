"""MLflow's model registry by its REST API, with the standard library alone: MLflow's own package brings ninety.

A model is registered there as `<stage>.<model>`, so that two stages may share a server.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from evertrain.domain.errors import shorten
from evertrain.domain.release.mirrored import MirroredVersion
from evertrain.ports.mirror import MirrorRefused

TIMEOUT_SECONDS = 10
_PAGE_SIZE = 200

_EXISTS, _NOT_FOUND = "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST"


class _NoRedirects(HTTPRedirectHandler):
    """A server that sends us elsewhere would get the credentials sent there, too."""

    def redirect_request(self, *_: Any) -> None:
        return None


_open = build_opener(_NoRedirects).open


class MlflowRegistry:
    """Implements `ports.mirror.RegistryMirror`. `url`: of the server. `authorization`: the header's value, asked for
    each time; empty for none."""

    def __init__(self, *, url: str, stage: str, authorization: Callable[[], str] = str) -> None:
        self._url = url.rstrip("/")
        self._stage = stage
        self._authorization = authorization

    def versions(self, model: str) -> Sequence[MirroredVersion]:
        found: list[MirroredVersion] = []
        page = {"filter": f"name='{self._name(model)}'", "max_results": str(_PAGE_SIZE)}
        while True:
            answer = self._ask("GET", "model-versions/search", page)
            found += [
                MirroredVersion(number=int(each["version"]), tags=_tags(each))
                for each in answer.get("model_versions", ())
            ]
            if not answer.get("next_page_token"):
                return sorted(found, key=lambda each: each.number)
            page["page_token"] = answer["next_page_token"]

    def create(self, model: str, *, source: str, tags: Mapping[str, str]) -> None:
        name = self._name(model)
        self._ask("POST", "registered-models/create", {"name": name}, harmless=_EXISTS)
        listed = [{"key": key, "value": value} for key, value in tags.items()]
        self._ask("POST", "model-versions/create", {"name": name, "source": source, "tags": listed})

    def delete(self, model: str, number: int) -> None:
        self._ask("DELETE", "model-versions/delete", self._version(model, number), harmless=_NOT_FOUND)

    def set_tag(self, model: str, number: int, key: str, value: str) -> None:
        self._ask("POST", "model-versions/set-tag", {**self._version(model, number), "key": key, "value": value})

    def delete_tag(self, model: str, number: int, key: str) -> None:
        tag = {**self._version(model, number), "key": key}
        self._ask("DELETE", "model-versions/delete-tag", tag, harmless=_NOT_FOUND)

    def alias(self, model: str, name: str) -> int | None:
        answer = self._ask("GET", "registered-models/get", {"name": self._name(model)}, harmless=_NOT_FOUND)
        aliases = answer.get("registered_model", {}).get("aliases", ())
        return next((int(each["version"]) for each in aliases if each["alias"] == name), None)

    def set_alias(self, model: str, name: str, number: int) -> None:
        self._ask("POST", "registered-models/alias", {**self._version(model, number), "alias": name})

    def _name(self, model: str) -> str:
        return f"{self._stage}.{model}"

    def _version(self, model: str, number: int) -> dict[str, str]:
        return {"name": self._name(model), "version": str(number)}

    def _ask(self, method: str, path: str, fields: Mapping[str, Any], *, harmless: str = "") -> Mapping[str, Any]:
        """Raises MirrorRefused for any error code but the harmless one."""
        url, body = f"{self._url}/api/2.0/mlflow/{path}", None
        if method == "GET":
            url = f"{url}?{urlencode(fields)}"
        else:
            body = json.dumps(fields).encode()
        headers = {"Content-Type": "application/json"}
        if authorization := self._authorization():
            headers["Authorization"] = authorization
        request = Request(url, data=body, headers=headers, method=method)  # noqa: S310  # the CDK app checks the scheme
        try:
            with _open(request, timeout=TIMEOUT_SECONDS) as answer:
                return _document(answer.read())
        except HTTPError as error:
            described = _document_or_nothing(error.read())
            if harmless and described.get("error_code") == harmless:
                return {}
            told = described.get("message") or described.get("error_code") or error.reason
            raise MirrorRefused(
                f"MLflow at {self._url} answers {error.code} to {path}: {shorten(str(told), limit=200)}"
            ) from error
        except (OSError, HTTPException) as error:
            raise MirrorRefused(f"MLflow at {self._url} does not answer: {error}") from error


def authorization_of(secret: str) -> str:
    """The header's value for a secret: JSON with `token`, or with `username` and `password`. Raises MirrorRefused.

    >>> authorization_of('{"token": "t"}'), authorization_of('{"username": "u", "password": "p"}')
    ('Bearer t', 'Basic dTpw')
    """
    found = _document_or_nothing(secret.encode())
    if "token" in found:
        return f"Bearer {found['token']}"
    if "username" in found and "password" in found:
        pair = f"{found['username']}:{found['password']}".encode()
        return f"Basic {b64encode(pair).decode()}"
    raise MirrorRefused('the secret for MLflow is not JSON with "token", or with "username" and "password"')


def _tags(version: Mapping[str, Any]) -> dict[str, str]:
    return {each["key"]: each.get("value", "") for each in version.get("tags", ())}


def _document(body: bytes) -> Mapping[str, Any]:
    """Raises MirrorRefused."""
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise MirrorRefused(f"what answers is no MLflow server: {shorten(body.decode(errors='replace'), limit=80)}")
    return found


def _document_or_nothing(body: bytes) -> Mapping[str, Any]:
    try:
        return _document(body)
    except MirrorRefused:
        return {}
