"""From queued S3 events to checked batches."""

import logging
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from evertrain.adapters.aws.sqs_events import Envelope, handle_each_event, required_text
from evertrain.adapters.monitoring.metrics import drift_metric_lines
from evertrain.domain.landing.batches import Batch, FeedKind, LandedObject, Quarantine
from evertrain.domain.monitoring.drift import DriftVerdict
from evertrain.ports.batches import ObjectGone
from lambdas.monitor.wiring import check_batch, check_large_batch, large_batch_checks, stage

logger = logging.getLogger(__name__)
configure_logging()


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return handle_each_event(event, _check)


def _check(envelope: Envelope) -> None:
    landed = LandedObject(
        bucket=required_text(envelope, "detail", "bucket", "name"),
        key=required_text(envelope, "detail", "object", "key"),
    )
    try:
        if check_large_batch().needs_splitting(landed):
            execution = large_batch_checks().start(landed, event_id=required_text(envelope, "id"))
            logger.info("batch_in_parts execution=%s key=%s", execution, landed.key)
            return
        found = check_batch().run(landed)
    except ObjectGone:
        # Whoever deleted it decided; another delivery would not bring it back.
        logger.warning("object_gone key=%s", landed.key)
        return
    report_result(found, landed)
    if isinstance(found, Batch) and found.feed.kind is FeedKind.PREDICTIONS:
        for verdict in check_batch().judge_requests(found):
            _emit_metrics(verdict, source=FeedKind.PREDICTIONS)


def report_result(found: Batch | Quarantine, landed: LandedObject) -> None:
    """In the log, and to CloudWatch."""
    if isinstance(found, Batch):
        for verdict in check_batch().batches.batch_verdicts(found.feed, found.batch_id):
            _emit_metrics(verdict, source=FeedKind.FEATURES)
        logger.info(
            "batch_accepted feed=%s batch=%s rows=%d key=%s", found.feed, found.batch_id, found.rows, landed.key
        )
    else:
        codes = ",".join(fault.code for fault in found.faults)
        logger.warning(
            "batch_quarantined feed=%s batch=%s faults=%s key=%s", found.feed, found.batch_id, codes, landed.key
        )


def _emit_metrics(verdict: DriftVerdict, *, source: FeedKind) -> None:
    for line in drift_metric_lines(verdict, stage=stage(), source=source):
        print(line)  # not by the logger, whose prefix would make it mere text
