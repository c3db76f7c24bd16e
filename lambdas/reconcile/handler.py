"""An execution's end, or the time, makes us look at every model. What an event says is not used."""

import logging
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from evertrain.adapters.aws.sqs_events import Envelope, handle_each_event
from lambdas.reconcile import wiring

logger = logging.getLogger(__name__)
configure_logging()


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return handle_each_event(event, _reconcile)


def _reconcile(envelope: Envelope) -> None:
    for model in sorted(wiring.project().models):
        for sentence in wiring.reconcile_retrainings().run(model):
            logger.warning("reconciled model=%s %s", model, sentence)
