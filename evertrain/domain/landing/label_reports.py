"""Ground truth as callers report it, a request at a time."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedLabel:
    """Of the row with this key and event time; or of the prediction with this id, observed at this time."""

    key: str
    event_time: datetime
    value: float
    of_prediction: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelReport:
    """`report_id`: the request's. A later report of the same row corrects an earlier one."""

    model: str
    report_id: str
    received_at: datetime
    labels: tuple[ReportedLabel, ...]
