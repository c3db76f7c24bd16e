"""What may answer in place of MLflow, and what is said of it: asked over HTTP, as always."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from evertrain.adapters.release.mlflow import MlflowRegistry, authorization_of
from evertrain.ports.mirror import MirrorRefused


@dataclass
class Server:
    """Answers every request with one and the same."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def server() -> Iterator[Server]:
    answers = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.asked.append((self.path, self.headers.get("Authorization", "")))
            self.send_response(answers.status)
            for name, value in answers.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answers.body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        Thread(target=listening.serve_forever, daemon=True).start()
        answers.url = f"http://127.0.0.1:{listening.server_port}"
        yield answers
        listening.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (500, b"<html>oops</html>", "answers 500 to model-versions/search: Internal Server Error"),
        (401, b"", "answers 401 to model-versions/search: Unauthorized"),
        (400, b'{"error_code": "INVALID_PARAMETER_VALUE", "message": "no such filter"}', "search: no such filter"),
        (200, b"<html>welcome</html>", "what answers is no MLflow server: <html>welcome</html>"),
        (200, b"[]", "what answers is no MLflow server"),
    ],
)
def test_what_is_no_answer_of_mlflow_is_told_in_a_sentence(
    server: Server, status: int, body: bytes, told: str
) -> None:
    server.status, server.body = status, body
    with pytest.raises(MirrorRefused, match=told):
        MlflowRegistry(url=server.url, stage="dev").versions("trips")


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(MirrorRefused, match=r"MLflow at http://127\.0\.0\.1:9 does not answer"):
        MlflowRegistry(url="http://127.0.0.1:9", stage="dev").versions("trips")


def test_credentials_go_to_the_server_and_nowhere_else(server: Server) -> None:
    mirror = MlflowRegistry(url=f"{server.url}/", stage="dev", authorization=lambda: "Bearer t")
    mirror.versions("trips")
    assert server.asked[-1][1] == "Bearer t"
    assert server.asked[-1][0].startswith("/api/2.0/mlflow/model-versions/search?filter=name%3D%27dev.trips%27")
    server.status, server.headers = 302, {"Location": f"{server.url}/elsewhere"}
    with pytest.raises(MirrorRefused, match="answers 302"):
        mirror.versions("trips")
    assert not any(path.startswith("/elsewhere") for path, _ in server.asked)


@pytest.mark.parametrize("secret", ["", "hunter2", "[]", '{"username": "ada"}'])
def test_a_secret_that_says_nothing_is_refused_and_not_quoted(secret: str) -> None:
    with pytest.raises(MirrorRefused, match='not JSON with "token"') as refused:
        authorization_of(secret)
    assert "hunter2" not in str(refused.value)
