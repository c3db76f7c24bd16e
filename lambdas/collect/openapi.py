"""GET /openapi.json: the whole HTTP API, of all models as the project declares them."""

import json
import logging
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from lambdas.collect.wiring import described_api

logger = logging.getLogger(__name__)
configure_logging()


def document_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    request_id = event["requestContext"]["requestId"]
    try:
        status, body = 200, described_api()
    except Exception:
        logger.exception("document_failed request=%s", request_id)
        sentence = f"the document could not be made; the request id is {request_id}"
        status, body = 500, {"error": sentence, "request_id": request_id}
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
