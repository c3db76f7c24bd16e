"""The key of every item in the three DynamoDB tables. What lies where: docs/interfaces.md."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from evertrain.domain.landing.batches import Feed

PARTITION_KEY, SORT_KEY = "pk", "sk"
"""The tables' key attributes, both strings."""

# Sort keys, or what they begin with.
BATCH, TIME, STATE, PROGRESS = "batch#", "time#", "state", "progress"
VERDICT, REQUESTS, FLAGGED, ACCEPTED = "verdict#", "requests#", "flagged#", "accepted#"
PROMISED, REALISED, PREDICTED = "promised#", "realised#", "predicted#"
DECISION, HELD_DECISION, QUIET_DECISION, DECISION_BY_ID = "decision#", "held#", "quiet#", "id#"
OUTCOME, OUTCOME_OF_DECISION, LEASE, APPROVAL = "outcome#", "outcome-of#", "lease", "approval#"
VERSION, CHAMPION, HISTORY, MODEL = "version#", "champion", "history#", "model#"
ROLLOUT, ANSWERS = "rollout", "answers#"

# Partition keys of what belongs to no feed and no model.
QUARANTINE, MODELS = "quarantine", "models"
REPLAY_CLOCK = ("clock", "replay")


def item_name(item: Mapping[str, Mapping[str, Any]]) -> str:
    """An item's key, for a log."""
    return f"{item[PARTITION_KEY]['S']} {item[SORT_KEY]['S']}"


def named_document(item: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """An item's key, and the document that it holds."""
    return item_name(item), item["document"]["S"]


def feed_partition(feed: Feed | None) -> str:
    """Objects outside every feed are kept together.

    >>> from evertrain.domain.landing.batches import FeedKind
    >>> feed_partition(Feed(kind=FeedKind.LABELS, name="flights")), feed_partition(None)
    ('feed#labels/flights', 'feed#unknown')
    """
    return f"feed#{feed or 'unknown'}"


def model_partition(model: str) -> str:
    return f"model#{model}"


def group_partition(model: str, group: str) -> str:
    """The partition of the verdicts on one feature group's batches for one model."""
    return f"model#{model}#{group}"


def sortable_timestamp(moment: datetime) -> str:
    """Text that sorts as the times do.

    >>> sortable_timestamp(datetime(2013, 4, 1, tzinfo=UTC))
    '2013-04-01T00:00:00.000000+00:00'
    """
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def time_ordered_key(prefix: str, moment: datetime, name: str) -> str:
    """A sort key by which items come in the order of time; the name keeps those of one instant apart."""
    return f"{prefix}{sortable_timestamp(moment)}#{name}"
