"""A stage's clock: the system's, or a replayed one where the stage replays history."""

from collections.abc import Callable
from datetime import UTC, datetime

from evertrain.adapters.aws.dynamodb import Table, text
from evertrain.adapters.aws.item_keys import REPLAY_CLOCK, sortable_timestamp
from evertrain.domain.errors import EvertrainError


class ReplayClockNotSet(EvertrainError):
    """The stage's clock is a replayed one, and nobody has set it."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class ReplayClock:
    """Reads the replayed present from the decisions table, each time: whoever drives the replay moves it."""

    def __init__(self, *, table: Table) -> None:
        self._table = table

    def now(self) -> datetime:
        """Raises ReplayClockNotSet."""
        item = self._table.get(*REPLAY_CLOCK)
        if item is None:
            raise ReplayClockNotSet("this stage replays history, but its present has not been set: `evertrain demo`")
        return datetime.fromisoformat(item["moment"]["S"])

    def set(self, now: datetime) -> None:
        """Moves the clock forward. A time before the one that is set is ignored."""
        moment = text(sortable_timestamp(now))
        self._table.update(
            *REPLAY_CLOCK, "SET moment = :now", "attribute_not_exists(moment) OR moment <= :now", now=moment
        )


def make_clock(name: str, *, decisions: Callable[[], Table]) -> SystemClock | ReplayClock:
    """The clock of a stage, as its setting names it. Only a replayed one asks for the decisions table."""
    return ReplayClock(table=decisions()) if name == "replay" else SystemClock()
