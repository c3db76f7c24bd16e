"""One step of a rollout, as the state machine asks. Payloads: docs/interfaces.md, state by state."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from evertrain.adapters.aws.sqs_events import required_text
from evertrain.adapters.aws.steps import Payload, Step, run_step
from evertrain.adapters.documents import load
from evertrain.domain.deployment.steps import RolloutStep
from evertrain.domain.release.rollout import StepUnderWay
from lambdas.rollout.wiring import roll_out, take_steps

logger = logging.getLogger(__name__)
configure_logging()


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return run_step(event, STEPS)


def publish(payload: Payload) -> dict[str, Any]:
    model, version = required_text(payload, "model"), required_text(payload, "version")
    published = roll_out().publish(model, version)
    logger.info("published model=%s version=%s function=%s", model, version, published.function_version)
    return {
        "function_version": published.function_version,
        "previous_function_version": published.previous_function_version,
    }


def smoke_test(payload: Payload) -> dict[str, Any]:
    model, version = required_text(payload, "model"), required_text(payload, "version")
    function_version = required_text(payload, "function_version")
    roll_out().smoke_test(model, version, function_version=function_version)
    logger.info("smoke_test_passed model=%s version=%s function=%s", model, version, function_version)
    return {}


def shift_alias(payload: Payload) -> dict[str, Any]:
    model, version = required_text(payload, "model"), required_text(payload, "version")
    function_version = required_text(payload, "function_version")
    step = take_steps().shift(
        model,
        version,
        function_version=function_version,
        previous_function_version=required_text(payload, "previous_function_version"),
        expected_champion=payload.get("expected_champion"),  # null for the first model
        step=_step(payload).number,
    )
    logger.info("alias_shifted model=%s function=%s share=%g", model, function_version, step.share)
    return asdict(step)


def health_check(payload: Payload) -> dict[str, Any]:
    model, version = required_text(payload, "model"), required_text(payload, "version")
    step = _step(payload)
    after = take_steps().look(model, version, step)
    logger.info("health_check_passed model=%s version=%s share=%g look=%d", model, version, step.share, step.look)
    return asdict(after)


def _step(payload: Payload) -> StepUnderWay:
    """Raises InvalidDocument."""
    return load(StepUnderWay, json.dumps(payload.get("rollout")))


def promote(payload: Payload) -> dict[str, Any]:
    model, version = required_text(payload, "model"), required_text(payload, "version")
    function_version = required_text(payload, "function_version")
    expected_champion = payload.get("expected_champion")
    take_steps().require_under_way(model, version, function_version=function_version)
    roll_out().promote(model, version, function_version=function_version, expected_champion=expected_champion)
    logger.info("promoted model=%s version=%s function=%s", model, version, function_version)
    return {}


def rollback(payload: Payload) -> dict[str, Any]:
    model, version = required_text(payload, "model"), required_text(payload, "version")
    previous = required_text(payload, "previous_function_version")
    restored = roll_out().rollback(model, version, previous_function_version=previous)
    logger.info("rolled_back model=%s version=%s function=%s", model, version, restored)
    return {}


STEPS: Mapping[str, Step] = {
    RolloutStep.PUBLISH: publish,
    RolloutStep.SMOKE_TEST: smoke_test,
    RolloutStep.SHIFT_ALIAS: shift_alias,
    RolloutStep.HEALTH_CHECK: health_check,
    RolloutStep.PROMOTE: promote,
    RolloutStep.ROLLBACK: rollback,
}
