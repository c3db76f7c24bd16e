"""A step of answering a file in parts, as the state machine asks. Payloads: docs/interfaces.md."""

import logging
from collections.abc import Mapping
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from evertrain.adapters.aws.sqs_events import required_count, required_text
from evertrain.adapters.aws.steps import Payload, Step, run_step
from evertrain.domain.deployment.steps import ScoringStep
from evertrain.domain.landing.batches import LandedObject
from evertrain.domain.landing.scoring import ScoringReport
from lambdas.score.handler import log_report
from lambdas.score.wiring import score_file

logger = logging.getLogger(__name__)
configure_logging()


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    return run_step(event, STEPS)


def split(payload: Payload) -> dict[str, Any]:
    """Answers the parts by number; none where the file was refused."""
    landed = LandedObject(bucket=required_text(payload, "bucket"), key=required_text(payload, "key"))
    cut = score_file().split(landed)
    if isinstance(cut, ScoringReport):
        log_report(cut)
        return {"split_uri": "", "parts": []}
    uri, plan = cut
    logger.info("split scoring=%s parts=%d key=%s", plan.scoring_id, len(plan.parts), landed.key)
    return {"split_uri": uri, "parts": list(range(len(plan.parts)))}


def score_part(payload: Payload) -> dict[str, Any]:
    uri, part = required_text(payload, "split_uri"), required_count(payload, "part")
    refused = score_file().score_part(uri, part)
    logger.info("part_scored split=%s part=%d refused=%d", uri, part, refused)
    return {}


def finish(payload: Payload) -> dict[str, Any]:
    log_report(score_file().finish(required_text(payload, "split_uri")))
    return {}


STEPS: Mapping[str, Step] = {
    ScoringStep.SPLIT: split,
    ScoringStep.SCORE_PART: score_part,
    ScoringStep.FINISH: finish,
}
