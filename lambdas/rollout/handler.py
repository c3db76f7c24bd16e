"""One step of a rollout, as the state machine asks. Payloads: docs/architecture.md, state by state."""

import logging
from collections.abc import Mapping
from typing import Any

from evertrain.domain.errors import EvertrainError
from lambdas.rollout.wiring import roll_out

logger = logging.getLogger(__name__)
logging.getLogger().setLevel(logging.INFO)

Payload = Mapping[str, Any]


class InvalidPayload(EvertrainError):
    """The payload names no known step, or lacks one of the step's fields."""


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    step = _field(event, "step")
    if step not in STEPS:
        raise InvalidPayload(f"step: {step!r} is none of {', '.join(STEPS)}")
    return STEPS[step](event)


def publish(payload: Payload) -> dict[str, Any]:
    model, version = _field(payload, "model"), _field(payload, "version")
    published = roll_out().publish(model, version)
    logger.info("published model=%s version=%s function=%s", model, version, published.function_version)
    return {
        "function_version": published.function_version,
        "previous_function_version": published.previous_function_version,
    }


def smoke_test(payload: Payload) -> dict[str, Any]:
    model, version = _field(payload, "model"), _field(payload, "version")
    function_version = _field(payload, "function_version")
    roll_out().smoke_test(model, version, function_version=function_version)
    logger.info("smoke_test_passed model=%s version=%s function=%s", model, version, function_version)
    return {}


def shift_alias(payload: Payload) -> dict[str, Any]:
    model, function_version = _field(payload, "model"), _field(payload, "function_version")
    roll_out().shift_alias(model, function_version=function_version)
    logger.info("alias_shifted model=%s function=%s", model, function_version)
    return {}


def health_check(payload: Payload) -> dict[str, Any]:
    model, version = _field(payload, "model"), _field(payload, "version")
    roll_out().health_check(model, version)
    logger.info("health_check_passed model=%s version=%s", model, version)
    return {}


def promote(payload: Payload) -> dict[str, Any]:
    model, version = _field(payload, "model"), _field(payload, "version")
    function_version = _field(payload, "function_version")
    expected_champion = payload.get("expected_champion")  # null for the first model
    roll_out().promote(model, version, function_version=function_version, expected_champion=expected_champion)
    logger.info("promoted model=%s version=%s function=%s", model, version, function_version)
    return {}


def rollback(payload: Payload) -> dict[str, Any]:
    model, version = _field(payload, "model"), _field(payload, "version")
    previous = _field(payload, "previous_function_version")
    restored = roll_out().rollback(model, version, previous_function_version=previous)
    logger.info("rolled_back model=%s version=%s function=%s", model, version, restored)
    return {}


STEPS = {
    "publish": publish,
    "smoke_test": smoke_test,
    "shift_alias": shift_alias,
    "health_check": health_check,
    "promote": promote,
    "rollback": rollback,
}


def _field(payload: Payload, name: str) -> Any:
    if payload.get(name) is None:
        raise InvalidPayload(f"{name}: missing")
    return payload[name]
