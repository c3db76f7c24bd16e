"""Reported labels: messages of a queue, and files of the feed `labels/<model>`."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from evertrain.adapters.documents import dump, load
from evertrain.domain.label_reports import LabelReport, ReportedLabel
from evertrain.domain.model_spec import ModelSpec
from evertrain.use_cases.arrow_columns import TIMESTAMP

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsLabelReports:
    """Implements `ports.messages.LabelReports`."""

    def __init__(self, *, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def put(self, report: LabelReport) -> None:
        self._client.send_message(QueueUrl=self._queue_url, MessageBody=dump(report).decode())


def read_report(message: str) -> LabelReport:
    """Raises InvalidDocument."""
    return load(LabelReport, message)


def label_file(spec: ModelSpec, labels: Mapping[tuple[str, str], tuple[LabelReport, ReportedLabel]]) -> bytes:
    """With the report's id beside each label: the same label reported anew, after another one, is another batch."""
    rows = [labels[each] for each in sorted(labels)]
    table = pa.table(
        {
            spec.group.entity_key: pa.array([label.key for _, label in rows], pa.string()),
            spec.group.event_time: pa.array([label.event_time for _, label in rows], TIMESTAMP),
            spec.label.name: pa.array([label.value for _, label in rows], pa.float64()),
            "report_id": pa.array([report.report_id for report, _ in rows], pa.string()),
        }
    )
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()
