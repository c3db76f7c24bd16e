"""Labels that callers report: the HTTP API's door, and the queue's end.

POST /models/{model}/labels: one label as an object of the group's key, its event time and the label, or of
prediction_id and the label; or many as {"labels": [{...}, ...]}. Answered with 202 and how many are kept; they land
within a minute.
"""

import base64
import json
import logging
from collections.abc import Sequence
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from evertrain.adapters.aws.sqs_events import handle_together
from evertrain.adapters.landing.label_reports import read_report
from evertrain.domain.landing.label_reports import LabelReport
from evertrain.use_cases.landing.report_labels import InvalidReport, UnknownModel
from lambdas.collect.wiring import land_labels, report_labels

MAX_BODY_BYTES = 150_000
"""Bytes: a report is one message of a queue, which takes 256 KB, and in it each label is up to 90 bytes longer."""

logger = logging.getLogger(__name__)
configure_logging()


def report_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    report_id = event["requestContext"]["requestId"]
    model = event.get("rawPath", "").strip("/").split("/")[1]
    try:
        report = report_labels().run(model, _body(event), report_id=report_id)
    except UnknownModel as unknown:
        return _answer(404, {"error": str(unknown)})
    except InvalidReport as invalid:
        logger.info("report_refused request=%s error=%r", report_id, str(invalid))
        return _answer(400, {"error": str(invalid)})
    except Exception:
        # The caller gets a name to ask for, the log has the trace.
        logger.exception("report_failed request=%s", report_id)
        sentence = f"the labels were not kept; the request id is {report_id}"
        return _answer(500, {"error": sentence, "request_id": report_id})
    logger.info("labels_reported model=%s labels=%d request=%s", model, len(report.labels), report_id)
    return _answer(202, {"model": model, "report_id": report_id, "accepted": len(report.labels)})


def queue_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """All of a delivery together: the fewer files, the better."""
    return handle_together(event, read_report, _land)


def _land(reports: Sequence[LabelReport]) -> None:
    for landed in land_labels().run(reports):
        logger.info("labels_landed model=%s rows=%d key=%s", landed.model, landed.rows, landed.key)


def _body(event: dict[str, Any]) -> Any:
    """Raises InvalidReport."""
    raw = event.get("body") or ""
    try:
        body = base64.b64decode(raw) if event.get("isBase64Encoded") else raw.encode()
        if len(body) > MAX_BODY_BYTES:
            raise InvalidReport(
                f"the body has {len(body):,} bytes, {MAX_BODY_BYTES:,} are allowed; send fewer labels"
            )
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidReport(f"the body is not JSON: {error}") from error


def _answer(status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
