"""The Lambda Runtime API, as one function's process asks it: HTTP in, calls on a `Runtime` out."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

PREFIX = "/2018-06-01/runtime"


class Runtime(Protocol):
    """Who hands out the invocations. Called by the server's threads."""

    def next_invocation(self) -> tuple[dict[str, str], bytes] | None:
        """Headers and payload, when there is one; None when there will be no more."""

    def initialisation_failed(self, error: bytes) -> None: ...

    def responded(self, request_id: str, payload: bytes) -> None: ...

    def failed(self, request_id: str, error: bytes) -> None: ...


class RuntimeApi(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.runtime = runtime

    def handle_error(self, request: object, client_address: object) -> None:
        """Silent: a function that is killed leaves in the middle of its request."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RuntimeApi

    def do_GET(self) -> None:
        if self.path != f"{PREFIX}/invocation/next":
            self._answer(404)
            return
        invocation = self.server.runtime.next_invocation()
        if invocation is None:
            self.close_connection = True
        else:
            headers, payload = invocation
            self._answer(200, payload, headers)

    def do_POST(self) -> None:
        body = self._body()
        match self.path.removeprefix(PREFIX).strip("/").split("/"):
            case ["init", "error"]:
                self.server.runtime.initialisation_failed(body)
            case ["invocation", request_id, "response"]:
                self.server.runtime.responded(request_id, body)
            case ["invocation", request_id, "error"]:
                self.server.runtime.failed(request_id, body)
            case _:
                self._answer(404)
                return
        self._answer(202, b'{"status":"OK"}')

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent: a request is a function's doing, not the server's."""
