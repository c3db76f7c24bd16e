"""What the endpoint answered comes out of messages, and out of files, as it went in."""

import io
from dataclasses import replace
from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from evertrain.adapters.landing.prediction_files import prediction_file
from evertrain.adapters.landing.prediction_log import (
    MAX_MESSAGE_LENGTH,
    RowTooLarge,
    UnreadableMessage,
    decode_message,
    encode_messages,
)
from evertrain.adapters.landing.rows import LandedRowsReader
from evertrain.domain.landing.predictions import is_sampled
from evertrain.domain.project.model import Project
from tests.builders.batches import PREDICTIONS
from tests.builders.models import NOW, a_group, a_model
from tests.builders.predictions import answered

PROJECT = Project(groups={"trips": a_group()}, models={"trips": a_model()})


def test_a_request_is_one_message() -> None:
    one = answered(20)
    (message,) = encode_messages(one)
    assert decode_message(message) == one


def test_many_rows_are_cut_into_messages_and_keep_their_places() -> None:
    many = answered(5_000)
    parts = [decode_message(message) for message in encode_messages(many, max_length=30_000)]
    assert len(parts) > 4
    assert [name for part in parts for name in part.row_ids] == list(many.row_ids)
    assert [row for part in parts for row in part.rows] == list(many.rows)
    assert [each for part in parts for each in part.predictions] == list(many.predictions)


def test_a_request_of_the_most_rows_fits_into_messages() -> None:
    assert all(len(message) <= MAX_MESSAGE_LENGTH for message in encode_messages(answered(10_000)))


def test_a_row_that_fits_nowhere_is_named() -> None:
    large = replace(answered(1), rows=({"carrier": "".join(chr(200 + each % 9000) for each in range(400_000))},))
    with pytest.raises(RowTooLarge, match="prediction r-0: a row of"):
        list(encode_messages(large))


@pytest.mark.parametrize("message", ["", "no base64!", "bm90IHppcHBlZA==", "eJxLTM4GAAKAASk="])
def test_a_message_of_someone_else_is_refused(message: str) -> None:
    with pytest.raises(UnreadableMessage, match="not a message of answered requests"):
        decode_message(message)


def test_the_share_that_is_kept_is_chosen_by_the_id() -> None:
    kept = [is_sampled(f"request-{each}", 0.25) for each in range(4_000)]
    assert 900 < sum(kept) < 1_100
    assert kept == [is_sampled(f"request-{each}", 0.25) for each in range(4_000)]


def test_a_file_of_answers_is_a_batch_of_its_feed() -> None:
    requests = [answered(20, seed=1), answered(30, seed=2, at=NOW - timedelta(minutes=3))]
    body = io.BytesIO(prediction_file(a_model(), requests))
    with LandedRowsReader(project=PROJECT).read(body, name="a.parquet", feed=PREDICTIONS, now=NOW) as rows:
        assert rows.count == 50
        assert rows.event_times == (NOW - timedelta(minutes=3), NOW)
        (columns,) = rows.parts(["model_version", "prediction", "distance", "carrier"])
        assert columns["model_version"].levels == ("v1",)
        wanted = sorted(each for one in requests for each in one.predictions)
        assert sorted(columns["prediction"].tolist()) == wanted


def test_equal_answers_are_equal_files() -> None:
    assert prediction_file(a_model(), [answered(20)]) == prediction_file(a_model(), [answered(20)])


def test_what_a_column_cannot_hold_is_missing_and_spoils_no_other_row() -> None:
    rows = ({"distance": "far", "carrier": 7, "holiday": 1}, {"distance": 10, "carrier": "A\ud800", "holiday": True})
    odd = replace(answered(2), rows=rows)
    table = pq.read_table(io.BytesIO(prediction_file(a_model(), [odd])))
    assert table["distance"].to_pylist() == [None, 10.0]
    assert table["carrier"].to_pylist() == [None, "A?"]
    assert table["holiday"].to_pylist() == [None, True]
    assert table["wind"].to_pylist() == [None, None]
