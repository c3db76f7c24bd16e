"""The mirror looks at every model, whatever woke it; a look that fails comes again, and stops nobody."""

from typing import Any

import pytest

from evertrain.adapters.memory.mirror import InMemoryMirror
from evertrain.adapters.memory.registry import InMemoryModelRegistry
from evertrain.ports.mirror import MirrorRefused
from evertrain.use_cases.release.mirror_registry import MirrorRegistry
from lambdas.mirror import handler, wiring
from tests.builders.events import delivery
from tests.builders.registry import a_version


class Unreachable(InMemoryMirror):
    def versions(self, model: str) -> Any:
        raise MirrorRefused("MLflow at https://mlflow.example.com does not answer: timed out")


def handle(mirror: InMemoryMirror, monkeypatch: pytest.MonkeyPatch, **messages: Any) -> dict[str, Any]:
    registry = InMemoryModelRegistry()
    registry.register(a_version("v1"))
    monkeypatch.setattr(wiring, "mirror_registry", lambda: MirrorRegistry(registry=registry, mirror=mirror))
    return handler.lambda_handler(delivery(**messages), None)


def test_an_event_and_the_time_make_it_look(monkeypatch: pytest.MonkeyPatch) -> None:
    for message in ({"detail-type": "ModelPromoted", "detail": {"model": "trips"}}, {"detail-type": "MirrorTick"}):
        mirror = InMemoryMirror()
        assert handle(mirror, monkeypatch, one=message) == {"batchItemFailures": []}
        assert [each.version for each in mirror.versions("trips")] == ["v1"]


def test_what_could_not_be_mirrored_comes_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert handle(Unreachable(), monkeypatch, one={}) == {"batchItemFailures": [{"itemIdentifier": "one"}]}
    assert "MLflow at https://mlflow.example.com does not answer" in caplog.text
