"""From queued events to decisions. A record that fails goes back to the queue alone, and at last to its DLQ."""

import json
import logging
from typing import Any

from evertrain.use_cases.decide_retraining import Cause
from lambdas.retrain_trigger.causes import causes_of
from lambdas.retrain_trigger.wiring import decide_retraining, project

logger = logging.getLogger(__name__)
logging.getLogger().setLevel(logging.INFO)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    failed = []
    for record in event["Records"]:
        try:
            for cause in causes_of(json.loads(record["body"]), project()):
                _decide(cause)
        except Exception:
            # The queue delivers it again; the others of this delivery are done.
            logger.exception("decision_failed message=%s", record["messageId"])
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def _decide(cause: Cause) -> None:
    recorded = decide_retraining().run(cause)
    logger.info(
        "decided model=%s cause=%s action=%s reason=%s decision=%s",
        recorded.model,
        recorded.cause,
        recorded.decision.action,
        recorded.decision.reason,
        recorded.decision_id,
    )
