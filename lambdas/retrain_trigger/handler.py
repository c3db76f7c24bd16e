"""From queued events to decisions."""

import logging
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from evertrain.adapters.aws.sqs_events import Envelope, handle_each_event
from lambdas.retrain_trigger.causes import causes_of
from lambdas.retrain_trigger.wiring import decide_retraining, project

logger = logging.getLogger(__name__)
configure_logging()


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return handle_each_event(event, _decide)


def _decide(envelope: Envelope) -> None:
    for cause in causes_of(envelope, project()):
        if decide_retraining().is_premature(cause):
            logger.info("history_is_landing model=%s cause=%s", cause.model, cause.name)
            continue
        recorded = decide_retraining().run(cause)
        logger.info(
            "decided model=%s cause=%s action=%s reason=%s decision=%s",
            recorded.model,
            recorded.cause,
            recorded.decision.action,
            recorded.decision.reason,
            recorded.decision_id,
        )
