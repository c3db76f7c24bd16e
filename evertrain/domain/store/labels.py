"""Ground truth that comes late: how late, for how many rows, and up to when labels are complete."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from evertrain.domain.landing.batches import Feed, TableState
from evertrain.domain.landing.feeds import label_feeds_of
from evertrain.domain.project.model import LabelSpec, ModelSpec

DAY = timedelta(days=1)

MIN_SHARE_OF_MEDIAN_ROWS = 0.1
"""Of a usual day's rows. The share of labels among fewer says nothing, and must not hold everything up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelTables:
    """A model's ground truth so far: of its group's rows, and of its endpoint's answers where such labels come."""

    of_rows: TableState
    of_predictions: TableState | None = None

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self._tables)

    @property
    def ingested_at_max(self) -> datetime:
        return max(table.ingested_at_max for table in self._tables)

    @property
    def _tables(self) -> tuple[TableState, ...]:
        return (self.of_rows,) if self.of_predictions is None else (self.of_rows, self.of_predictions)


def label_tables(spec: ModelSpec, tables: Mapping[Feed, TableState | None]) -> LabelTables | None:
    """Of the model's tables. None before labels of rows have landed, without which there is no first model."""
    of_rows, *of_predictions = (tables.get(feed) for feed in label_feeds_of(spec))
    return None if of_rows is None else LabelTables(of_rows=of_rows, of_predictions=next(iter(of_predictions), None))


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledDay:
    """The rows of one UTC day of event time, and how many of them have a label by now."""

    day: datetime
    rows: int
    labelled: int

    @property
    def coverage(self) -> float:
        return self.labelled / self.rows


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelProgress:
    """How a model's labels come in. `days`: the earliest first, of the last few months.

    `latency`: from event to label, by quantile (such as 0.95), of labels whose rows are older than the declared
    latency: of younger ones the fast half is there already, and the slow half is not. `unmatched`: labels of keys
    and times that no row has, or of predictions that are not in the log. `premature`: labels that say they are from
    before their prediction. Where labels of predictions come, the rows are the endpoint's answers.
    """

    measured_at: datetime
    days: tuple[LabelledDay, ...]
    latency: tuple[tuple[float, timedelta], ...]
    unmatched: int
    premature: int = 0

    def coverage(self, *, before: datetime, last: timedelta = 28 * DAY) -> float | None:
        """The share of rows with a label, of the days that ended by then; None where there are no rows."""
        days = [each for each in self.days if before - last <= each.day <= before - DAY]
        rows = sum(each.rows for each in days)
        return sum(each.labelled for each in days) / rows if rows else None


def watermark(
    labels: LabelTables, *, spec: LabelSpec, now: datetime, progress: LabelProgress | None = None
) -> datetime:
    """The event time before which labels count as complete.

    A label that is younger than its latency may still be missing. Where every row gets one, labels that never landed
    are not complete however old they are. And where the model asks for a coverage, the first day that lacks it ends
    what is complete, since what is missing there may be missing for a reason.
    """
    complete_to = _complete_to(labels, spec, now)
    if spec.minimum_coverage is None or progress is None:
        return complete_to
    usual = median(each.rows for each in progress.days) if progress.days else 0
    matured = (
        each
        for each in progress.days
        if each.day + DAY <= complete_to and each.rows >= usual * MIN_SHARE_OF_MEDIAN_ROWS
    )
    uncovered = [each.day for each in matured if each.coverage < spec.minimum_coverage]
    # Of later labels nothing is known until they are measured.
    return min([complete_to, progress.measured_at - spec.latency, *uncovered[:1]])


def _complete_to(labels: LabelTables, spec: LabelSpec, now: datetime) -> datetime:
    """Rows may stop where predictions begin: what is complete of either is."""
    if spec.absent is not None:
        return now - spec.latency
    of_rows = min(now - spec.latency, labels.of_rows.event_time_max)
    if labels.of_predictions is None:
        return of_rows
    # A label has the time at which it was observed, not its prediction's: until the newest one came, all were coming.
    return max(of_rows, min(now, labels.of_predictions.ingested_at_max) - spec.latency)
