"""What lineage says of the program: the same files give the same digest, and the image is what ECS tells."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from evertrain.adapters.training.code_provenance import code_provenance

DIGEST = "sha256:" + "5" * 64


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("evertrain/core.py", "jobs/train.py", "models/trips/estimator.py", "models/trips/model.toml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """What ECS's metadata endpoint tells, over HTTP."""
    told: dict[str, object] = {"Image": "trips:latest", "ImageID": DIGEST}

    class Endpoint(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/v4/1" else 404)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("ECS_CONTAINER_METADATA_URI_V4", f"http://127.0.0.1:{server.server_port}/v4/1")
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def outside_of_ecs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECS_CONTAINER_METADATA_URI_V4", raising=False)


def test_other_code_has_another_digest_and_its_model_s_alone_where_only_that_is_other(project: Path) -> None:
    before = code_provenance(project, "trips")
    assert before == code_provenance(project, "trips")
    assert before.keys() == {"program_sha256", "estimator_sha256"}
    (project / "models/trips/estimator.py").write_text("another")
    after = code_provenance(project, "trips")
    assert after["program_sha256"] == before["program_sha256"]
    assert after["estimator_sha256"] != before["estimator_sha256"]
    (project / "jobs/train.py").rename(project / "jobs/trains.py")
    assert code_provenance(project, "trips")["program_sha256"] != before["program_sha256"]


def test_in_a_container_the_image_s_digest_is_told(project: Path, metadata: dict[str, object]) -> None:
    assert code_provenance(project, "trips")["image"] == DIGEST
    del metadata["ImageID"]
    assert code_provenance(project, "trips")["image"] == "trips:latest"


def test_no_training_fails_for_want_of_an_image_s_name(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECS_CONTAINER_METADATA_URI_V4", "http://127.0.0.1:9/v4/1")
    assert "image" not in code_provenance(project, "trips")
