"""In which form rows come and predictions are wanted, by the headers of a request."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from evertrain.domain.errors import shorten
from serving.responses import Refusal


class Form(StrEnum):
    JSON = "application/json"
    CSV = "text/csv"
    JSON_LINES = "application/jsonlines"


_FORMS: Mapping[str, Form] = {
    "application/json": Form.JSON,
    "text/csv": Form.CSV,
    "application/jsonlines": Form.JSON_LINES,
    "application/x-ndjson": Form.JSON_LINES,
}
_SENT_UNASKED = ("", "application/x-www-form-urlencoded", "text/plain")
"""What clients such as `curl -d` say of a body when nobody told them: such bodies are taken for JSON."""
_WANTED_BY_ALL: Mapping[str, Form] = {"*/*": Form.JSON, "application/*": Form.JSON, "text/*": Form.CSV}


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaType:
    """`name`: as it was asked for, which an answer repeats. `has_header`: of CSV, whether line 1 names columns."""

    form: Form
    name: str
    has_header: bool = True


JSON = MediaType(form=Form.JSON, name=Form.JSON.value)


def sent_type(headers: Mapping[str, str]) -> MediaType:
    """Of the body, by `content-type`. Raises Refusal."""
    name, parameters = _parsed(header(headers, "content-type"))
    if name in _SENT_UNASKED or name.endswith("+json"):
        return JSON
    if name not in _FORMS:
        raise Refusal(415, f"content-type: {shorten(name)!r} is not taken; send {_choices()}")
    charset = parameters.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise Refusal(415, f"content-type: charset {shorten(charset)!r} is not taken; send UTF-8")
    return MediaType(form=_FORMS[name], name=name, has_header=_has_header(parameters, "content-type"))


def wanted_type(headers: Mapping[str, str]) -> MediaType:
    """Of the answer, by `accept`; JSON where nothing is said. Raises Refusal."""
    accept = header(headers, "accept")
    if not accept.strip():
        return JSON
    ranked = sorted(map(_parsed, accept.split(",")), key=lambda each: -_quality(each[1]))
    for name, parameters in ranked:
        form = _FORMS.get(name) or _WANTED_BY_ALL.get(name)
        if form is not None and _quality(parameters) > 0:
            named = name if name in _FORMS else form.value
            return MediaType(form=form, name=named, has_header=_has_header(parameters, "accept"))
    raise Refusal(406, f"accept: {shorten(accept)!r} cannot be answered; ask for {_choices()}")


def header(headers: Mapping[str, str], name: str) -> str:
    """The HTTP API sends names in lower case; whoever calls the function itself may not."""
    return next((value for key, value in headers.items() if key.lower() == name), "")


def headers_of(event: Mapping[str, Any]) -> Mapping[str, str]:
    return event.get("headers") or {}


def _parsed(text: str) -> tuple[str, dict[str, str]]:
    """
    >>> _parsed('Text/CSV; header=absent; charset="UTF-8"')
    ('text/csv', {'header': 'absent', 'charset': 'UTF-8'})
    """
    name, *parameters = text.split(";")
    pairs = (each.partition("=") for each in parameters)
    return name.strip().lower(), {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}


def _quality(parameters: Mapping[str, str]) -> float:
    try:
        return float(parameters.get("q", "1"))
    except ValueError:
        return 1.0


def _has_header(parameters: Mapping[str, str], where: str) -> bool:
    stated = parameters.get("header", "present").lower()
    if stated not in ("present", "absent"):
        raise Refusal(400, f"{where}: header is present or absent, not {shorten(stated)!r}")
    return stated == "present"


def _choices() -> str:
    *others, last = _FORMS
    return f"{', '.join(others)} or {last}"
