"""A retraining's end, or the time, makes us look at every model. What an event says is not used."""

import logging
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from evertrain.adapters.aws.sqs_events import Envelope, handle_each_event
from lambdas.mirror import wiring

logger = logging.getLogger(__name__)
configure_logging()


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return handle_each_event(event, _mirror)


def _mirror(envelope: Envelope) -> None:
    mirroring = wiring.mirror_registry()
    for model in sorted(mirroring.registry.models()):
        for written in mirroring.run(model):
            logger.info("mirrored model=%s %s", model, written)
