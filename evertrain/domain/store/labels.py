"""Ground truth that comes late: how late, for how many rows, and up to when labels are complete."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from evertrain.domain.landing.batches import Feed, TableState
from evertrain.domain.landing.feeds import label_feeds
from evertrain.domain.project.model import LabelSpec, ModelSpec

DAY = timedelta(days=1)

MIN_SHARE_OF_MEDIAN_ROWS = 0.1
"""Of the rows of a median day. The coverage of a smaller day is too noisy, and must not hold up the watermark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelTables:
    """A model's ground truth so far: of its group's rows, and of its endpoint's answers where such labels come."""

    row_labels: TableState
    prediction_labels: TableState | None = None

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self._tables)

    @property
    def ingested_at_max(self) -> datetime:
        return max(table.ingested_at_max for table in self._tables)

    @property
    def _tables(self) -> tuple[TableState, ...]:
        return (self.row_labels,) if self.prediction_labels is None else (self.row_labels, self.prediction_labels)


def label_tables(spec: ModelSpec, tables: Mapping[Feed, TableState | None]) -> LabelTables | None:
    """Of the model's tables. None before labels of rows have landed, without which there is no first model."""
    row_labels, *prediction_labels = (tables.get(feed) for feed in label_feeds(spec))
    if row_labels is None:
        return None
    return LabelTables(row_labels=row_labels, prediction_labels=next(iter(prediction_labels), None))


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
    """How a model's labels come in. `days`: of the last few months, the earliest first.

    `latency`: time from event to label, by quantile (such as 0.95). It counts only rows older than the declared
    latency: of younger rows, only the fast labels have landed so far. `unmatched`: labels whose key and time no row
    has, or whose prediction is not in the log. `premature`: labels with a time before that of their prediction. Where
    labels of predictions come in, the rows are the endpoint's predictions.
    """

    measured_at: datetime
    days: tuple[LabelledDay, ...]
    latency: tuple[tuple[float, timedelta], ...]
    unmatched: int
    premature: int = 0
    explored: int = 0
    explored_labelled: int = 0

    def coverage(self, *, before: datetime, last: timedelta = 28 * DAY) -> float | None:
        """The share of rows with a label, of the days that ended by then; None where there are no rows."""
        days = [each for each in self.days if before - last <= each.day <= before - DAY]
        rows = sum(each.rows for each in days)
        return sum(each.labelled for each in days) / rows if rows else None


def label_watermark(
    labels: LabelTables, *, spec: LabelSpec, now: datetime, progress: LabelProgress | None = None
) -> datetime:
    """The event time before which labels count as complete.

    A label younger than its latency may still be missing. Where every row gets a label, completeness ends at the
    newest label: rows after it have none, however old they are. Where the model requires a coverage, completeness
    ends at the first day below it, since labels that are missing there may be missing for a reason.
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
    """Rows may stop once predictions begin, so the later of their two times counts."""
    if spec.absent is not None:
        return now - spec.latency
    by_rows = min(now - spec.latency, labels.row_labels.event_time_max)
    if labels.prediction_labels is None:
        return by_rows
    # A label's time is when it was observed, not when its prediction was made. Until the newest label came, all were
    # coming in.
    return max(by_rows, min(now, labels.prediction_labels.ingested_at_max) - spec.latency)
