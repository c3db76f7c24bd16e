"""From queued events of accepted batches to commits."""

import logging
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from evertrain.adapters.aws.sqs_events import Envelope, handle_each_event, required_text
from evertrain.domain.landing.batches import Feed, FeedKind
from lambdas.ingest.wiring import commit_batch

logger = logging.getLogger(__name__)
configure_logging()


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return handle_each_event(event, _commit)


def _commit(envelope: Envelope) -> None:
    kind, _, name = required_text(envelope, "detail", "feed").partition("/")
    feed, batch_id = Feed(kind=FeedKind(kind), name=name), required_text(envelope, "detail", "batch_id")
    state = commit_batch().run(feed, batch_id)
    logger.info("batch_committed feed=%s batch=%s table_version=%d", feed, batch_id, state.version)
