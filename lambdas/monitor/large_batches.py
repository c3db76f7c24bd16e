"""A step of a large object's check, as the state machine asks. Payloads: docs/interfaces.md."""

import logging
from collections.abc import Mapping
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from evertrain.adapters.aws.sqs_events import required_count, required_text
from evertrain.adapters.aws.steps import Payload, Step, run_step
from evertrain.domain.deployment.steps import LargeBatchStep
from evertrain.domain.landing.batches import LandedObject
from lambdas.monitor.handler import report_result
from lambdas.monitor.wiring import check_large_batch

logger = logging.getLogger(__name__)
configure_logging()


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    return run_step(event, STEPS)


def split(payload: Payload) -> dict[str, Any]:
    """Answers the parts by number; none where it is known already what became of the object."""
    landed = LandedObject(bucket=required_text(payload, "bucket"), key=required_text(payload, "key"))
    found = check_large_batch().split(landed)
    if not isinstance(found, tuple):
        report_result(found, landed)
        return {"split_uri": "", "parts": []}
    uri, cut = found
    logger.info("split feed=%s batch=%s parts=%d key=%s", cut.feed, cut.batch_id, len(cut.parts), landed.key)
    return {"split_uri": uri, "parts": list(range(len(cut.parts)))}


def check_part(payload: Payload) -> dict[str, Any]:
    uri, index = required_text(payload, "split_uri"), required_count(payload, "part")
    part = check_large_batch().check_part(uri, index)
    rows = 0 if part.file is None else part.file.rows
    logger.info("part_checked split=%s part=%d rows=%d faults=%d", uri, index, rows, len(part.faults))
    return {}


def finish(payload: Payload) -> dict[str, Any]:
    uri = required_text(payload, "split_uri")
    found = check_large_batch().finish(uri)
    report_result(found, LandedObject(bucket="", key=found.source_key))
    return {}


STEPS: Mapping[str, Step] = {
    LargeBatchStep.SPLIT: split,
    LargeBatchStep.CHECK_PART: check_part,
    LargeBatchStep.FINISH: finish,
}
