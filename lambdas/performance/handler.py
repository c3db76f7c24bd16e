"""From queued events of committed rows to what predictions are worth: measured where labels have come, estimated
where they have not. After labels whoever decides is told, and sees it.
"""

import logging
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from evertrain.adapters.aws.sqs_events import Envelope, handle_each_event, required_text
from evertrain.adapters.monitoring.metrics import performance_metric_line
from evertrain.domain.landing.batches import FeedKind
from evertrain.domain.monitoring.performance import Performance
from evertrain.domain.project.model import ModelSpec
from evertrain.statistics.estimation import estimate_metric
from lambdas.performance.wiring import announce, count_predictions, measure_performance, project, stage

logger = logging.getLogger(__name__)
configure_logging()


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return handle_each_event(event, _handle)


def _handle(envelope: Envelope) -> None:
    feed, batch_id = required_text(envelope, "detail", "feed"), required_text(envelope, "detail", "batch_id")
    kind, _, name = feed.partition("/")
    models = project().models
    if kind == FeedKind.FEATURES:
        for spec in models.values():
            if spec.group.name == name:
                _tell(spec, count_predictions().run(spec.name))
    elif name in models:
        _tell(models[name], measure_performance().run(name))
        announce(name, batch_id=batch_id)
    else:
        logger.info("passed_over feed=%s batch=%s", feed, batch_id)  # its folder is gone since


def _tell(spec: ModelSpec, found: Performance | None) -> None:
    if found is None:
        return
    estimated = estimate_metric(spec.metric, found.labelled, found.awaited)
    now = count_predictions().clock.now()
    print(performance_metric_line(found, spec.metric, estimated=estimated, stage=stage(), now=now))
