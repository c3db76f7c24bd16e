"""Reported labels: messages of a queue, and files of the feeds of labels."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from evertrain.adapters.documents import dump, load
from evertrain.domain.landing.feeds import FeedSchema
from evertrain.domain.landing.label_reports import LabelReport, ReportedLabel
from evertrain.tables.columns import TIMESTAMP

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsLabelReportQueue:
    """Implements `ports.messages.LabelReportQueue`."""

    def __init__(self, *, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def put(self, report: LabelReport) -> None:
        self._client.send_message(QueueUrl=self._queue_url, MessageBody=dump(report).decode())


def read_report(message: str) -> LabelReport:
    """Raises InvalidDocument."""
    return load(LabelReport, message)


def label_file(schema: FeedSchema, labels: Sequence[tuple[LabelReport, ReportedLabel]]) -> bytes:
    """A Parquet file of the labels, with the report's id beside each.

    The id makes a label that is reported again, after a different one, a new batch.
    """
    table = pa.table(
        {
            # First: where a group's key has this name, the key is meant.
            "report_id": pa.array([report.report_id for report, _ in labels], pa.string()),
            schema.key: pa.array([label.key for _, label in labels], pa.string()),
            schema.event_time_column: pa.array([label.event_time for _, label in labels], TIMESTAMP),
            schema.label: _as_landed([label.value for _, label in labels], schema),
        }
    )
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()


def _as_landed(values: Sequence[float], schema: FeedSchema) -> pa.Array:
    """Labels as a file of the feed names them."""
    if schema.classes:
        return pa.array([schema.classes[int(value)] for value in values], pa.string())
    return pa.array(values, pa.float64())
