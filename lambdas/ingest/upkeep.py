"""The feature store's maintenance, as often as the schedule asks for it."""

import logging
from typing import Any

from evertrain.adapters.sqs_events import Envelope, each_event
from lambdas.ingest.wiring import maintain_store

logger = logging.getLogger(__name__)
logging.getLogger().setLevel(logging.INFO)


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    return each_event(event, _maintain)


def _maintain(_: Envelope) -> None:
    for feed, done in maintain_store().run().items():
        logger.info(
            "table_kept_up feed=%s version=%d merged=%d written=%d removed=%d",
            feed,
            done.state.version,
            done.merged,
            done.written,
            done.removed,
        )
