"""From queued requests and answers to files in the landing bucket."""

import logging
from collections.abc import Sequence
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from evertrain.adapters.aws.sqs_events import handle_together
from evertrain.adapters.landing.prediction_log import decode_message
from evertrain.domain.landing.predictions import AnsweredRequest
from lambdas.collect.wiring import count_answers, land_predictions

logger = logging.getLogger(__name__)
configure_logging()


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """All of a delivery together: the fewer files, the better."""
    return handle_together(event, decode_message, _land)


def _land(answered: Sequence[AnsweredRequest]) -> None:
    for landed in land_predictions().run(answered):
        logger.info("predictions_landed model=%s rows=%d key=%s", landed.model, landed.rows, landed.key)
    try:
        count_answers().run(answered)
    except Exception:
        # What is kept for drift and labels is kept; a rollout has a minute less to be judged by.
        logger.exception("answers_not_counted requests=%d", len(answered))
