"""EventBridge Scheduler: what a schedule sends says when it was due."""

from datetime import UTC, datetime
from typing import Any

from ministack.services import eventbridge

from localcloud.patches.patching import replaces


def substitute_scheduled_time() -> None:
    """AWS puts the time in the place of `<aws.scheduler.scheduled-time>`; ministack sends these words each time."""

    @replaces(eventbridge, "_invoke_target")
    def invoke_target(original: Any, target: Any, event: Any, *rest: Any) -> Any:
        if event.get("Source") == "aws.scheduler" and "Input" in target:
            due = f"{datetime.fromtimestamp(event['Time'], UTC):%Y-%m-%dT%H:%M:%SZ}"
            target = target | {"Input": target["Input"].replace("<aws.scheduler.scheduled-time>", due)}
        return original(target, event, *rest)
