"""The rollout function: its payloads and answers, as docs/interfaces.md has them state by state."""

import pytest

from evertrain.adapters.aws.sqs_events import InvalidEvent
from evertrain.domain.release.registry import RegistryConflict
from evertrain.domain.release.rollout import RolloutInterrupted
from lambdas.rollout import handler
from tests.builders.retraining import MODEL, Retraining


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Retraining:
    """With one registered version."""
    loop = Retraining()
    loop.register(loop.evaluated("d-1"))
    monkeypatch.setattr(handler, "roll_out", lambda: loop.roll_out)
    monkeypatch.setattr(handler, "take_steps", lambda: loop.take_steps)
    return loop


def test_a_version_is_rolled_out_step_by_step(loop: Retraining) -> None:
    (registered,) = loop.registry.versions(MODEL)
    named = {"model": MODEL, "version": registered.version}

    published = handler.lambda_handler({"step": "publish", **named}, None)
    assert published == {"function_version": "1", "previous_function_version": "$LATEST"}
    function = {"function_version": published["function_version"]}
    assert handler.lambda_handler({"step": "smoke_test", **named, **function}, None) == {}
    begun = {"rollout": {"number": 0, "share": 0, "look": 1, "wait_seconds": 0, "next": ""}}
    shifted = handler.lambda_handler({"step": "shift_alias", **named, **published, **begun}, None)
    assert shifted == {"number": 0, "share": 1.0, "look": 1, "wait_seconds": 0, "next": ""}
    looked = handler.lambda_handler({"step": "health_check", **named, "rollout": shifted}, None)
    assert looked == {"number": 1, "share": 1.0, "look": 1, "wait_seconds": 0, "next": "promote"}
    with pytest.raises(RegistryConflict):
        handler.lambda_handler({"step": "promote", **named, **function, "expected_champion": "another"}, None)
    assert handler.lambda_handler({"step": "promote", **named, **function, "expected_champion": None}, None) == {}
    champion = loop.registry.champion(MODEL)
    assert champion is not None
    assert champion.version == registered.version


def test_a_version_that_was_rolled_back_is_not_promoted_any_more(loop: Retraining) -> None:
    (registered,) = loop.registry.versions(MODEL)
    named = {"model": MODEL, "version": registered.version}
    function = {"function_version": handler.lambda_handler({"step": "publish", **named}, None)["function_version"]}
    restored = {"previous_function_version": "$LATEST"}
    begun = {"rollout": {"number": 0, "share": 0, "look": 1, "wait_seconds": 0}}
    handler.lambda_handler({"step": "shift_alias", **named, **function, **restored, **begun}, None)
    assert handler.lambda_handler({"step": "rollback", **named, **restored}, None) == {}
    assert loop.endpoint.live(MODEL).function_version == "$LATEST"
    with pytest.raises(RolloutInterrupted):
        handler.lambda_handler({"step": "promote", **named, **function, "expected_champion": None}, None)
    assert loop.registry.champion(MODEL) is None


@pytest.mark.parametrize(
    ("payload", "expected_message"),
    [
        ({}, "step: missing"),
        ({"step": "deploy"}, "step: 'deploy' is none of publish, smoke_test, shift_alias"),
        ({"step": "publish", "model": MODEL}, "version: missing"),
    ],
)
def test_a_payload_that_is_not_understood_is_refused(payload: dict[str, object], expected_message: str) -> None:
    with pytest.raises(InvalidEvent, match=expected_message):
        handler.lambda_handler(payload, None)
