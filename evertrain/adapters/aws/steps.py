"""Runs the step that a state machine asks a function for. The payload names the step and holds its fields."""

from collections.abc import Callable, Mapping
from typing import Any

from evertrain.adapters.aws.sqs_events import InvalidEvent

Payload = Mapping[str, Any]
Step = Callable[[Payload], dict[str, Any]]


class InvalidPayload(InvalidEvent):
    """The payload names no known step, or lacks one of the step's fields."""


def run_step(payload: Payload, steps: Mapping[str, Step]) -> dict[str, Any]:
    """The step's answer. Raises InvalidPayload.

    >>> run_step({"step": "double", "value": 2}, {"double": lambda payload: {"value": 2 * payload["value"]}})
    {'value': 4}
    """
    step = required_field(payload, "step")
    if step not in steps:
        raise InvalidPayload(f"step: {step!r} is none of {', '.join(steps)}")
    return steps[step](payload)


def required_field(payload: Payload, name: str) -> Any:
    """Of the payload; null is no value. Raises InvalidPayload naming it."""
    if payload.get(name) is None:
        raise InvalidPayload(f"{name}: missing")
    return payload[name]
