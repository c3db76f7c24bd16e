"""The steps of a large object's check, as the state machine asks for them."""

import io
import logging
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evertrain.adapters.aws.sqs_events import InvalidEvent
from evertrain.domain.project.model import Project
from lambdas.monitor import handler, large_batches
from tests.builders.landed import features_frame
from tests.builders.models import a_group, a_model
from tests.builders.monitoring import Monitor

KEY = "features/trips/1.parquet"


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> Monitor:
    monitor = Monitor(
        project=Project(groups={"trips": a_group()}, models={"trips": a_model()}), load_reference=lambda uri: None
    )
    check = monitor.check_large()
    monkeypatch.setattr(large_batches, "check_large_batch", lambda: check)
    monkeypatch.setattr(handler, "check_batch", lambda: monitor.check)
    return monitor


def step(name: str, **payload: object) -> dict[str, Any]:
    return large_batches.lambda_handler({"step": name} | payload, None)


def body() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(features_frame(rows=300), preserve_index=False), file, row_group_size=100)
    return file.getvalue()


def test_the_steps_in_their_order_accept_a_batch(monitor: Monitor, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    monitor.put(body(), key=KEY)
    split = step("split", bucket="landing", key=KEY)
    assert split["parts"] == [0, 1, 2]
    for part in split["parts"]:
        assert step("check_part", split_uri=split["split_uri"], part=part) == {}
    assert step("finish", split_uri=split["split_uri"]) == {}
    assert monitor.bus.names() == ["FeatureBatchAccepted", "FeatureBatchChecked"]
    assert [message.split()[0] for message in caplog.messages] == [
        "split",
        "part_checked",
        "part_checked",
        "part_checked",
        "batch_accepted",
    ]


def test_what_is_known_has_no_parts(monitor: Monitor, caplog: pytest.LogCaptureFixture) -> None:
    monitor.put(b"PAR1 and no more", key=KEY)
    assert step("split", bucket="landing", key=KEY) == {"split_uri": "", "parts": []}
    assert "batch_quarantined" in caplog.text


@pytest.mark.parametrize(
    ("payload", "expected_message"),
    [
        ({}, "step: missing"),
        ({"step": "merge"}, "step: 'merge' is none of split, check_part, finish"),
        ({"step": "split", "bucket": "landing"}, "key: missing"),
        ({"step": "check_part", "split_uri": "s3://x"}, "part: missing"),
    ],
)
def test_a_payload_that_is_not_understood_is_refused(payload: dict[str, object], expected_message: str) -> None:
    with pytest.raises(InvalidEvent, match=expected_message):
        large_batches.lambda_handler(payload, None)
