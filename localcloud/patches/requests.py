"""Who may talk to the cloud at all: the user's own programs, and no web page that happens to be open."""

import json
import os
from typing import Any

from ministack import app

from localcloud.patches.patching import replaces

_OPEN_PATHS = ("/_ministack/health", "/_ministack/cfn-response/")
"""A health check, and the addresses, each with its own token, at which CloudFormation awaits an answer."""


def refuse_foreign_requests() -> None:
    """ministack answers any page that is open in a browser, which can so run code as the user: by a form or a script
    from elsewhere (Origin, Sec-Fetch-Site), or under a name that was made to point to 127.0.0.1 (Host). It also
    empties itself when anybody posts to its own paths."""
    port = os.environ["GATEWAY_PORT"]

    @replaces(app, "app")
    async def checked(original: Any, scope: Any, receive: Any, send: Any) -> None:
        reason = _reason_to_refuse(scope, port) if scope["type"] in ("http", "websocket") else None
        if reason is None:
            await original(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            body = json.dumps({"message": f"refused: {reason}"}).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": body})


def _reason_to_refuse(scope: Any, port: str) -> str | None:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}
    if "origin" in headers or headers.get("sec-fetch-site", "none") != "none":
        return "a web page sent it"
    if not _is_local(headers.get("host", ""), port):
        return "its Host is not this machine"
    path = scope.get("path", "")
    if path.startswith("/_ministack/") and not path.startswith(_OPEN_PATHS):
        return "only the health check is open"
    return None


def _is_local(host: str, port: str) -> bool:
    """localhost or 127.0.0.1; or a name below localhost, by which S3 names buckets."""
    name, _, given_port = host.rpartition(":")
    return given_port == port and (name in ("127.0.0.1", "localhost") or name.endswith(".localhost"))
