"""From queued S3 events to answers. What is of several parts is answered by a state machine, many parts at once."""

import logging
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from evertrain.adapters.aws.sqs_events import Envelope, handle_each_event, required_text
from evertrain.domain.landing.batches import LandedObject
from evertrain.domain.landing.scoring import ScoringReport
from evertrain.ports.batches import ObjectGone
from lambdas.score.wiring import executions, score_file

logger = logging.getLogger(__name__)
configure_logging()


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return handle_each_event(event, _score)


def _score(envelope: Envelope) -> None:
    landed = LandedObject(
        bucket=required_text(envelope, "detail", "bucket", "name"),
        key=required_text(envelope, "detail", "object", "key"),
    )
    try:
        if score_file().is_large(landed):
            _start(landed, envelope)
            return
        cut = score_file().split(landed)
    except ObjectGone:
        # Whoever deleted it decided; another delivery would not bring it back.
        logger.warning("object_gone key=%s", landed.key)
        return
    if isinstance(cut, ScoringReport):
        log_report(cut)
        return
    uri, plan = cut
    if len(plan.parts) > 1:
        _start(landed, envelope)
        return
    score_file().score_part(uri, 0)
    log_report(score_file().finish(uri))


def _start(landed: LandedObject, envelope: Envelope) -> None:
    execution = executions().start(landed, event_id=required_text(envelope, "id"))
    logger.info("scoring_in_parts execution=%s key=%s", execution, landed.key)


def log_report(report: ScoringReport | None) -> None:
    if report is None:
        logger.info("file_replaced")
    elif report.error:
        logger.warning("file_refused model=%s key=%s error=%r", report.model, report.file, report.error)
    else:
        logger.info(
            "file_answered model=%s version=%s rows=%d refused=%d key=%s",
            report.model,
            report.model_version,
            report.rows,
            report.refused,
            report.file,
        )
