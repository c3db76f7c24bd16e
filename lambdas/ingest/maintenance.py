"""The feature store's maintenance, as often as the schedule asks for it."""

import logging
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from evertrain.adapters.aws.sqs_events import Envelope, handle_each_event
from evertrain.adapters.monitoring.metrics import label_metric_line
from lambdas.ingest.wiring import maintain_store, project, stage

logger = logging.getLogger(__name__)
configure_logging()


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    return handle_each_event(event, _maintain)


def _maintain(_: Envelope) -> None:
    done = maintain_store().run()
    for feed, result in done.tables.items():
        logger.info(
            "table_kept_up feed=%s version=%d merged=%d written=%d removed=%d",
            feed,
            result.state.version,
            result.merged,
            result.written,
            result.removed,
        )
    for model, progress in done.labels.items():
        label, complete_to = project().models[model].label, done.complete_to.get(model)
        print(label_metric_line(progress, complete_to=complete_to, label=label, model=model, stage=stage()))
    done.raise_failures()
