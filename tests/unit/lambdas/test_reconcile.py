"""The reconcile function looks at every model, whatever woke it; a message that fails comes again alone."""

from typing import Any

import pytest

from evertrain.domain.project.model import Project
from lambdas.reconcile import handler, wiring
from tests.builders.events import delivery
from tests.builders.models import a_group, a_model

PROJECT = Project(
    groups={"trips": a_group()}, models={"trips": a_model("trips"), "trip_length": a_model("trip_length")}
)


class Reconcile:
    def __init__(self) -> None:
        self.looked_at: list[str] = []
        self.fails_once = False

    def run(self, model: str) -> tuple[str, ...]:
        if self.fails_once:
            self.fails_once = False
            raise RuntimeError("throttled")
        self.looked_at.append(model)
        return (f"decision of {model}: its execution ended as ABORTED. Recorded as RetrainFailed.",)


@pytest.fixture
def reconcile(monkeypatch: pytest.MonkeyPatch) -> Reconcile:
    reconcile = Reconcile()
    monkeypatch.setattr(wiring, "project", lambda: PROJECT)
    monkeypatch.setattr(wiring, "reconcile_retrainings", lambda: reconcile)
    return reconcile


def handle(**messages: Any) -> dict[str, Any]:
    return handler.lambda_handler(delivery(**messages), None)


def test_an_event_or_a_tick_makes_it_look_at_every_model(
    reconcile: Reconcile, caplog: pytest.LogCaptureFixture
) -> None:
    tick = {"detail-type": "ReconcileTick", "detail": {"scheduled_time": "t"}}
    assert handle(one=tick) == {"batchItemFailures": []}
    assert reconcile.looked_at == ["trip_length", "trips"]
    assert "reconciled model=trips decision of trips: its execution ended as ABORTED" in caplog.text


def test_a_message_that_fails_comes_again(reconcile: Reconcile) -> None:
    reconcile.fails_once = True
    assert handle(one={}, two={}) == {"batchItemFailures": [{"itemIdentifier": "one"}]}
    assert reconcile.looked_at == ["trip_length", "trips"]
