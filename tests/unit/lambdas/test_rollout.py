"""The rollout function: its payloads and answers, as docs/interfaces.md has them state by state."""

import pytest

from evertrain.adapters.aws.sqs_events import InvalidEvent
from evertrain.domain.release.registry import RegistryConflict
from lambdas.rollout import handler
from tests.builders.retraining import MODEL, Retraining


@pytest.fixture(scope="module")
def evaluated() -> Retraining:
    loop = Retraining()
    loop.register(loop.evaluated("d-1"))
    return loop


@pytest.fixture
def loop(evaluated: Retraining, monkeypatch: pytest.MonkeyPatch) -> Retraining:
    monkeypatch.setattr(handler, "roll_out", lambda: evaluated.roll_out)
    return evaluated


def test_a_version_is_rolled_out_step_by_step(loop: Retraining) -> None:
    (registered,) = loop.registry.versions(MODEL)
    named = {"model": MODEL, "version": registered.version}

    published = handler.lambda_handler({"step": "publish", **named}, None)
    assert published == {"function_version": "1", "previous_function_version": "$LATEST"}
    function = {"function_version": published["function_version"]}
    assert handler.lambda_handler({"step": "smoke_test", **named, **function}, None) == {}
    assert handler.lambda_handler({"step": "shift_alias", "model": MODEL, **function}, None) == {}
    assert handler.lambda_handler({"step": "health_check", **named}, None) == {}
    restored = {"previous_function_version": published["previous_function_version"]}
    assert handler.lambda_handler({"step": "rollback", **named, **restored}, None) == {}
    assert loop.endpoint.live_version(MODEL) == "$LATEST"

    with pytest.raises(RegistryConflict):
        handler.lambda_handler({"step": "promote", **named, **function, "expected_champion": "another"}, None)
    assert handler.lambda_handler({"step": "promote", **named, **function, "expected_champion": None}, None) == {}
    champion = loop.registry.champion(MODEL)
    assert champion is not None
    assert champion.version == registered.version


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
