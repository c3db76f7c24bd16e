"""Ground truth that comes late: how late, for how many rows, and up to when labels are complete."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from evertrain.domain.batches import TableState
from evertrain.domain.model_spec import LabelSpec

DAY = timedelta(days=1)


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
    latency: of younger ones the fast half is there already, and the slow half is not. `unmatched`: labels of keys and
    times that no row has.
    """

    measured_at: datetime
    days: tuple[LabelledDay, ...]
    latency: tuple[tuple[float, timedelta], ...]
    unmatched: int

    def coverage(self, *, before: datetime, last: timedelta = 28 * DAY) -> float | None:
        """The share of rows with a label, of the days that ended by then; None where there are no rows."""
        days = [each for each in self.days if before - last <= each.day <= before - DAY]
        rows = sum(each.rows for each in days)
        return sum(each.labelled for each in days) / rows if rows else None


def watermark(
    labels: TableState, *, spec: LabelSpec, now: datetime, progress: LabelProgress | None = None
) -> datetime:
    """The event time before which labels count as complete.

    A label that is younger than its latency may still be missing. Where every row gets one, labels that never landed
    are not complete however old they are. And where the model asks for a coverage, the first day that lacks it ends
    what is complete, since what is missing there may be missing for a reason.
    """
    bounds = [now - spec.latency]
    if spec.absent is None:
        bounds.append(labels.event_time_max)
    if spec.minimum_coverage is not None and progress is not None:
        matured = (each for each in progress.days if each.day + DAY <= min(bounds))
        bounds += [each.day for each in matured if each.coverage < spec.minimum_coverage][:1]
        # Of later labels nothing is known until they are measured.
        bounds.append(progress.measured_at - spec.latency)
    return min(bounds)
