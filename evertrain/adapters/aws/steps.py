"""Runs the step that a state machine asks a function for. The payload names the step and holds its fields."""

from collections.abc import Callable, Mapping
from typing import Any

from evertrain.adapters.aws.sqs_events import InvalidEvent, required_text

Payload = Mapping[str, Any]
Step = Callable[[Payload], dict[str, Any]]


def run_step(payload: Payload, steps: Mapping[str, Step]) -> dict[str, Any]:
    """The step's answer. Raises InvalidEvent.

    >>> run_step({"step": "double", "value": 2}, {"double": lambda payload: {"value": 2 * payload["value"]}})
    {'value': 4}
    """
    step = required_text(payload, "step")
    if step not in steps:
        raise InvalidEvent(f"step: {step!r} is none of {', '.join(steps)}")
    return steps[step](payload)
