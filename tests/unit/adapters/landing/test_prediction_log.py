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
from evertrain.domain.landing.feeds import prediction_schema, schema_faults
from evertrain.domain.landing.predictions import is_sampled
from evertrain.domain.project.model import Project
from tests.builders.batches import PREDICTIONS
from tests.builders.models import NOW, a_group, a_model, a_model_of_classes
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


ODDS = {"on time": 3.0, "late": 1.0, "very late": 0.5}


def test_of_several_classes_a_file_has_the_most_probable_one_and_each_one_s_probability() -> None:
    spec = a_model_of_classes()
    project = Project(groups={"trips": a_group()}, models={"trips": spec})
    (message,) = encode_messages(answered(20, odds=ODDS))
    request = decode_message(message)
    assert request == answered(20, odds=ODDS)
    body = io.BytesIO(prediction_file(spec, [request]))
    names = ["probability_on_time", "probability_late", "probability_very_late"]
    with LandedRowsReader(project=project).read(body, name="a.parquet", feed=PREDICTIONS, now=NOW) as rows:
        found = rows.first.sort_by("prediction_id").to_pylist()
    by_id = dict(zip(request.row_ids, request.predictions, strict=True))
    assert len(found) == 20
    for row in found:
        expected = by_id[row["prediction_id"]]
        assert isinstance(expected, dict)
        assert [row[name] for name in names] == list(expected.values())
        assert row["predicted_class"] == max(expected, key=lambda each: expected[each])
        assert row["prediction"] == max(expected.values())


def test_what_a_version_of_two_classes_answered_before_there_were_more_is_kept_without_them() -> None:
    table = pq.read_table(io.BytesIO(prediction_file(a_model_of_classes(), [answered(3), answered(3, odds=ODDS)])))
    assert table["predicted_class"].null_count == table["probability_late"].null_count == 3
    assert table["prediction"].null_count == 0
    of_two = pq.read_table(io.BytesIO(prediction_file(a_model(), [answered(3, odds=ODDS)])))
    assert "predicted_class" not in of_two.column_names


def test_a_table_of_two_classes_takes_files_of_more() -> None:
    """New columns are no fault, and `prediction` stays a number."""
    project = Project(groups={"trips": a_group()}, models={"trips": a_model_of_classes()})
    stored = {column.name: column.kind for column in prediction_schema(a_model()).columns}
    assert not schema_faults(PREDICTIONS, project, stored, key="prediction_id")


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
