"""From queued requests and answers to files in the landing bucket."""

import logging
from typing import Any

from evertrain.adapters.landing.prediction_log import UnreadableMessage, decode_message
from evertrain.domain.landing.predictions import AnsweredRequest
from lambdas.collect.wiring import land_predictions

logger = logging.getLogger(__name__)
logging.getLogger().setLevel(logging.INFO)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Handles a delivery as a whole: the fewer files, the better. Only messages that cannot be read go back to the
    queue."""
    answered: list[AnsweredRequest] = []
    failed = []
    for record in event["Records"]:
        try:
            answered.append(decode_message(record["body"]))
        except UnreadableMessage:
            logger.exception("record_failed message=%s", record["messageId"])
            failed.append({"itemIdentifier": record["messageId"]})
    for landed in land_predictions().run(answered):
        logger.info("predictions_landed model=%s rows=%d key=%s", landed.model, landed.rows, landed.key)
    return {"batchItemFailures": failed}
