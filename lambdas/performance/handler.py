"""From queued events of committed labels to measured performance. Whoever decides is told after that, and sees it."""

import logging
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from evertrain.adapters.aws.sqs_events import Envelope, handle_each_event, required_text
from evertrain.adapters.monitoring.metrics import performance_metric_line
from lambdas.performance.wiring import announce, measure_performance, project, stage

logger = logging.getLogger(__name__)
configure_logging()


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return handle_each_event(event, _measure)


def _measure(envelope: Envelope) -> None:
    feed, batch_id = required_text(envelope, "detail", "feed"), required_text(envelope, "detail", "batch_id")
    model = feed.partition("/")[2]
    spec = project().models.get(model)
    if spec is None:
        logger.info("passed_over feed=%s batch=%s", feed, batch_id)  # its folder is gone since
        return
    measured = measure_performance().run(model)
    if measured is not None:
        print(performance_metric_line(measured, spec.metric, stage=stage(), now=measure_performance().clock.now()))
    announce(model, batch_id=batch_id)
