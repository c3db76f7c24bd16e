"""Every way in which a landed batch can be bad is found, all at once, and named with the column and an example."""

import gzip
import io
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evertrain.adapters.landing import files as landed_files
from evertrain.adapters.landing.rows import LandedRows, LandedRowsReader
from evertrain.domain.landing.batches import Fault, Feed
from evertrain.domain.project.feature_group import BatchSize, Column, FeatureKind
from evertrain.domain.project.model import Project
from evertrain.ports.batch_reader import BatchRejected
from evertrain.statistics.layouts import Categories
from evertrain.statistics.reference import build_reference
from evertrain.statistics.sketch import merge
from tests.builders.batches import FEATURES, LABELS
from tests.builders.landed import csv, features_frame, landed_features, landed_labels, parquet
from tests.builders.models import NOW, a_group, a_model, days

READER = LandedRowsReader(project=Project(groups={"trips": a_group()}, models={"trips": a_model()}))


def read(
    body: bytes,
    *,
    name: str = "features/trips/1.parquet",
    feed: Feed = FEATURES,
    reader: LandedRowsReader = READER,
) -> LandedRows:
    """What fits in a part stays readable."""
    with reader.read(io.BytesIO(body), name=name, feed=feed, now=NOW) as rows:
        return rows


def stored(body: bytes, *, name: str = "features/trips/1.parquet") -> bytes:
    with READER.read(io.BytesIO(body), name=name, feed=FEATURES, now=NOW) as rows:
        return rows.file.read()


def faults(body: bytes, **options: Any) -> tuple[Fault, ...]:
    with pytest.raises(BatchRejected) as raised:
        read(body, **options)
    return raised.value.faults


def fault(body: bytes, **options: Any) -> tuple[str, str]:
    (found,) = faults(body, **options)
    return found.code, found.message


# --- good batches -------------------------------------------------------------------------------


def test_a_good_batch_is_normalised_and_ordered_by_time() -> None:
    rows = read(parquet(features_frame().sample(frac=1, random_state=1)))
    assert rows.count == 20
    assert rows.first["event_time"].to_pylist() == sorted(rows.first["event_time"].to_pylist())
    assert rows.event_times[0] == NOW - days(29)
    assert rows.event_times[0].tzinfo is UTC


def test_csv_and_compressed_csv_give_the_same_rows_as_parquet() -> None:
    frame = features_frame()
    expected = read(parquet(frame)).first
    for body, name in ((csv(frame), "1.csv"), (gzip.compress(csv(frame)), "1.csv.gz")):
        assert read(body, name=name).first.equals(expected)


def json_lines(frame: pd.DataFrame) -> bytes:
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return "\n".join(json.dumps(record, default=str) for record in records).encode()


@pytest.mark.parametrize("name", ["1.jsonl", "1.ndjson", "1.json.gz"])
def test_json_lines_give_the_same_rows_as_csv(name: str) -> None:
    frame = features_frame()
    body = json_lines(frame)
    landed = gzip.compress(body) if name.endswith(".gz") else body
    assert read(landed, name=f"features/trips/{name}").first.equals(read(csv(frame), name="1.csv").first)


def test_a_time_without_a_zone_is_refused_in_json_lines_too() -> None:
    frame = features_frame()
    body = json_lines(frame.assign(departed_at=frame["departed_at"].dt.strftime("%Y-%m-%dT%H:%M:%S")))
    assert fault(body, name="features/trips/1.jsonl")[0] == "time_zone_missing"


def test_nested_values_in_json_lines_are_named() -> None:
    frame = features_frame(carrier=[{"code": 1}] * 20)
    body = frame.to_json(orient="records", lines=True, date_format="iso").encode()
    told = ("wrong_type", "carrier: must be text, not struct<code: int64>")
    assert fault(body, name="features/trips/1.jsonl") == told


@pytest.mark.parametrize(("name", "separator"), [("1.csv", ";"), ("1.tsv", "\t"), ("1.csv", "|")])
def test_cells_may_be_separated_otherwise(name: str, separator: str) -> None:
    frame = features_frame()
    body = frame.to_csv(index=False, sep=separator).encode()
    assert read(body, name=f"features/trips/{name}").first.equals(read(csv(frame), name="1.csv").first)


def as_a_data_frame_keeps_it(frame: pd.DataFrame) -> dict[str, pa.Table]:
    """The same rows in the types that a column may have in Parquet, by what is changed."""
    table = pa.Table.from_pandas(frame, preserve_index=False)

    def other(name: str, values: Any) -> pa.Table:
        return table.set_column(table.column_names.index(name), name, pa.chunked_array([values]))

    codes = frame["carrier"].astype(int).tolist()
    flags = frame["holiday"].tolist()
    texts = [f"{value}" for value in frame["distance"]]
    times = [moment.isoformat() for moment in frame["departed_at"]]
    return {
        "codes are whole numbers": other("carrier", pa.array(codes, pa.int32())),
        "codes are floats": other("carrier", pa.array(codes, pa.float64())),
        "codes are views of text": other("carrier", pa.array(map(str, codes), pa.string_view())),
        "codes are categories": other("carrier", pa.array(map(str, codes)).dictionary_encode()),
        "flags are 0 and 1": other("holiday", pa.array([int(flag) for flag in flags])),
        "flags are 0.0 and 1.0": other("holiday", pa.array([float(flag) for flag in flags])),
        "flags are text": other("holiday", pa.array([str(flag) for flag in flags])),
        "numbers are text": other("distance", pa.array(texts)),
        "times are text": other("departed_at", pa.array(times)),
        "keys are numbers": other("trip_id", pa.array(frame["trip_id"].astype(int).tolist())),
    }


def test_the_same_value_has_the_same_fate_in_csv_and_in_whatever_type_parquet_has_it() -> None:
    frame = features_frame(
        carrier=[f"{code}" for code in np.arange(20) % 3 + 10], trip_id=[f"{i}" for i in range(20)]
    )
    expected = read(csv(frame), name="1.csv").first
    for change, table in as_a_data_frame_keeps_it(frame).items():
        assert read(arrow_parquet(table)).first.equals(expected), change


def test_what_is_missing_may_be_written_in_any_of_these_types() -> None:
    wind = ["", "NaN", None, "3.5"] * 5
    assert read(parquet(features_frame(wind=wind))).first["wind"].to_pylist() == [None, None, None, 3.5] * 5
    reader = with_group(
        columns=(*a_group().columns, Column(name="paid", kind=FeatureKind.BOOLEAN, nullable=True)),
    )
    for values in ([1.0, None, 0.0, np.nan] * 5, ["1", "", "false", None] * 5):
        rows = read(parquet(features_frame(paid=values)), reader=reader)
        assert rows.first["paid"].to_pylist() == [True, None, False, None] * 5


def test_a_date_is_the_midnight_that_it_begins_with_where_the_group_s_clock_is() -> None:
    dates = pa.array([date(2013, 1, 1)] * 20)
    table = pa.Table.from_pandas(features_frame(), preserve_index=False)
    table = table.set_column(table.column_names.index("departed_at"), "departed_at", pa.chunked_array([dates]))
    assert fault(arrow_parquet(table))[0] == "time_zone_missing"
    (moment,) = set(
        read(arrow_parquet(table), reader=with_group(utc_offset=timedelta(hours=1))).first["event_time"].to_pylist()
    )
    assert moment == datetime(2012, 12, 31, 23, tzinfo=UTC)


def test_a_uuid_is_a_key_as_it_is_written() -> None:
    keys = [UUID(int=i) for i in range(20)]
    table = pa.Table.from_pandas(features_frame(), preserve_index=False)
    for values in (
        pa.array([key.bytes for key in keys], pa.binary(16)),
        pa.ExtensionArray.from_storage(pa.uuid(), pa.array([key.bytes for key in keys], pa.binary(16))),
    ):
        changed = table.set_column(table.column_names.index("trip_id"), "trip_id", pa.chunked_array([values]))
        assert read(arrow_parquet(changed)).first["trip_id"].to_pylist() == [str(key) for key in keys]


def test_a_decimal_comma_is_read_where_it_is_certain_and_a_point_separates_thousands_then() -> None:
    frame = features_frame(distance=np.arange(20) + 0.5)
    body = frame.to_csv(index=False, sep=";", decimal=",", date_format="%Y-%m-%dT%H:%M:%S%z").encode()
    assert read(body, name="1.csv").first["distance"].to_pylist() == (np.arange(20) + 0.5).tolist()
    assert max(read(body.replace(b"19,5", b"1.019,5"), name="1.csv").first["distance"].to_pylist()) == 1019.5
    assert fault(body.replace(b"19,5", b"10.19,5"), name="1.csv") == (
        "wrong_type",
        "distance: must be a number; row 20 is the first that is not",
    )


def test_a_column_of_almost_the_name_is_named() -> None:
    renamed = features_frame().rename(columns={"wind": " Wind"})
    code, message = fault(parquet(renamed))
    assert (code, message) == ("missing_column", "wind: the column is missing; there is ' Wind'; rename it")


def test_the_stored_file_says_when_it_was_ingested_and_is_the_same_again() -> None:
    first, second = (stored(landed_features()) for _ in range(2))
    assert first == second
    table = pq.read_table(io.BytesIO(first))
    assert set(table["ingested_at"].to_pylist()) == {NOW}
    assert table.drop_columns("ingested_at").cast(read(landed_features()).first.schema).num_rows == 20


def test_columns_for_the_statistics_are_numbers_with_nan_and_text_as_levels() -> None:
    (columns,) = read(landed_features(rows=100)).parts(["wind", "holiday", "carrier"])
    assert columns["wind"].dtype == columns["holiday"].dtype == np.float64
    assert np.isnan(columns["wind"]).any()
    assert set(columns["holiday"]) == {0.0, 1.0}
    assert isinstance(columns["carrier"], Categories)
    assert len(columns["carrier"]) == 100


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-5))])
@pytest.mark.parametrize("declared", [None, timedelta(hours=9)])
def test_times_of_any_zone_are_the_same_instants_whatever_is_declared(
    zone: timezone, declared: timedelta | None
) -> None:
    frame, reader = features_frame(), with_group(utc_offset=declared)
    shifted = frame.assign(departed_at=frame["departed_at"].dt.tz_convert(zone))
    for body, name in ((parquet(shifted), "1.parquet"), (csv(shifted), "1.csv")):
        assert read(body, name=name, reader=reader).first.equals(read(parquet(frame)).first)


@pytest.mark.parametrize(
    ("declared", "ahead"), [(timedelta(), 0), (timedelta(hours=5, minutes=30), 5.5), (timedelta(hours=-4), -4)]
)
def test_times_without_a_zone_mean_what_the_group_declares(declared: timedelta, ahead: float) -> None:
    frame, local = features_frame(), without_zone(features_frame(), hours_ahead=ahead)
    for body, name in ((parquet(local), "1.parquet"), (csv(local), "1.csv")):
        assert read(body, name=name, reader=with_group(utc_offset=declared)).first.equals(read(parquet(frame)).first)


def test_a_column_of_times_without_any_value_needs_no_zone() -> None:
    reader = with_group(columns=(*a_group().columns, Column(name="at", kind=FeatureKind.TIMESTAMP, nullable=True)))
    empty = pd.Series([pd.NaT] * 20, dtype="datetime64[ns]")
    assert read(parquet(features_frame(at=empty)), reader=reader).first["at"].null_count == 20


def test_integer_keys_categories_and_columns_more_than_declared_are_taken() -> None:
    frame = features_frame(trip_id=range(20), more="x").astype({"carrier": "category", "distance": "int32"})
    rows = read(parquet(frame))
    assert rows.first.column_names == ["trip_id", "event_time", "distance", "wind", "carrier", "holiday"]
    assert rows.first["trip_id"][0].as_py() == "0"


def test_labels_are_0_or_1_or_true_or_false() -> None:
    numbers = read(landed_labels(), feed=LABELS).first["late"].to_pylist()
    flags = read(landed_labels(late=np.arange(20) % 2 == 1), feed=LABELS).first["late"].to_pylist()
    assert numbers == flags == [0.0, 1.0] * 10


# --- bad ones -----------------------------------------------------------------------------------


def test_a_missing_column_is_named_with_those_that_are_there() -> None:
    code, message = fault(parquet(features_frame().drop(columns="wind")))
    assert code == "missing_column"
    assert message == "wind: the column is missing; there are trip_id, departed_at, distance, carrier, holiday"


@pytest.mark.parametrize(
    ("column", "values", "expected_message"),
    [
        ("distance", ["far"] * 20, "distance: must be a number; row 1 is the first that is not"),
        ("distance", [True] * 20, "distance: must be a number, not bool"),
        ("carrier", [1.0] * 18 + [0.5, None], "carrier: must be text or a whole number; row 19 is the first"),
        ("carrier", [float("inf")] * 20, "carrier: must be text or a whole number; row 1 is the first"),
        ("carrier", [2.0**53] * 20, "carrier: must be text or a whole number; row 1 is the first"),
        ("carrier", [[1]] * 20, "carrier: must be text, not list"),
        ("holiday", range(20), "holiday: must be true or false; row 3 is the first that is not"),
        ("holiday", ["yes"] * 20, "holiday: must be true or false; row 1 is the first that is not"),
        ("departed_at", range(20), "departed_at: must be a timestamp, not int64"),
        ("departed_at", ["soon"] * 20, "departed_at: must be an ISO 8601 time; row 1 is the first that is not"),
        ("trip_id", [1.5] * 20, "trip_id: must be text or a whole number; row 1 is the first that is not"),
    ],
)
def test_a_wrong_type_is_named(column: str, values: Any, expected_message: str) -> None:
    code, message = fault(parquet(features_frame(**{column: values})))
    assert code == "wrong_type"
    assert message.startswith(expected_message)


@pytest.mark.parametrize("name", ["1.parquet", "1.csv"])
def test_times_without_a_zone_are_refused_by_column_with_the_remedy(name: str) -> None:
    as_file = parquet if name == "1.parquet" else csv
    remedy = "write them with one, or declare time_zone in features/trips.toml"
    expected_message = f"departed_at: times without a zone; {remedy}"
    assert fault(as_file(without_zone(features_frame())), name=name) == ("time_zone_missing", expected_message)
    at = Column(name="at", kind=FeatureKind.TIMESTAMP)
    frame = features_frame(at=pd.Timestamp("2013-01-01"))
    with pytest.raises(BatchRejected, match="at: times without a zone; write"):
        read(as_file(frame), name=name, reader=with_group(columns=(*a_group().columns, at)))


def test_labels_without_a_zone_are_refused_unless_the_model_s_own_group_says_what_they_mean() -> None:
    labels = without_zone(features_frame(), hours_ahead=2)[["trip_id", "departed_at"]].assign(late=0.0)
    assert fault(parquet(labels), feed=LABELS)[0] == "time_zone_missing"
    group = replace(a_group(), utc_offset=timedelta(hours=2))
    project = Project(groups={"trips": group}, models={"trips": replace(a_model(), group=group)})
    rows = read(parquet(labels), feed=LABELS, reader=LandedRowsReader(project=project))
    assert rows.event_times == read(landed_labels(), feed=LABELS).event_times


def test_an_offset_does_not_wrap_a_time_round() -> None:
    at = Column(name="at", kind=FeatureKind.TIMESTAMP)
    reader = with_group(columns=(*a_group().columns, at), utc_offset=timedelta(hours=1))
    earliest = pa.array([-(2**63) + 1] * 20, pa.timestamp("us"))
    with pytest.raises(BatchRejected, match="at: must be times that microseconds can count"):
        read(arrow_parquet(features_table().append_column("at", earliest)), reader=reader)


@pytest.mark.parametrize(
    ("column", "value", "expected_message"),
    [
        ("distance", "far", "distance: must be a number; row 8 is the first that is not"),
        ("holiday", "maybe", "holiday: must be true or false; row 8 is the first that is not"),
        ("departed_at", "yesterday", "departed_at: must be an ISO 8601 time; row 8 is the first that is not"),
    ],
)
def test_a_csv_cell_that_cannot_be_read_is_named(column: str, value: str, expected_message: str) -> None:
    frame = features_frame().astype(object)
    frame.loc[7, column] = value
    assert fault(csv(frame), name="1.csv") == ("wrong_type", expected_message)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"", "1.parquet"),
        (b"PAR1 and no more", "1.parquet"),
        (landed_features()[:700], "1.parquet"),
        (b"\x1f\x8b broken", "1.csv.gz"),
        (b"a,b\n1\n1,2,3\n", "1.csv"),
        (b"\xff\xfe\x00", "1.csv"),
        (b"trip_id,departed_at", "notes.txt"),
    ],
)
def test_bytes_that_are_no_table_are_named(body: bytes, name: str) -> None:
    code, message = fault(body, name=name)
    assert code == "unparsable"
    assert message.startswith(f"{name} cannot be read: ")


def test_a_batch_without_rows_is_named() -> None:
    assert fault(parquet(features_frame().head(0)))[0] == "no_rows"
    assert fault(csv(features_frame().head(0)), name="1.csv")[0] == "no_rows"


def test_rows_that_are_there_again_are_counted_without_the_first_of_each() -> None:
    frame = features_frame()
    code, message = fault(parquet(pd.concat([frame, frame.head(3), frame.head(1)])))
    assert code == "duplicate_rows"
    assert message.startswith("trip_id: 4 rows repeat the trip_id and departed_at of an earlier row, such as row ")
    _, message = fault(parquet(pd.concat([frame, frame.head(1)])))
    assert message == "trip_id: 1 row repeats the trip_id and departed_at of an earlier row, such as row 1 and row 21"


def test_a_row_from_the_future_is_named_but_a_fast_clock_is_borne() -> None:
    times = [pd.Timestamp(NOW + timedelta(minutes=minutes)) for minutes in range(-14, 6)]
    assert read(parquet(features_frame(departed_at=times))).count == 20
    code, message = fault(parquet(features_frame(departed_at=[*times[1:], times[-1] + pd.Timedelta(minutes=1)])))
    assert code == "future_event_time"
    assert message.startswith("departed_at: 1 of 20 values are in the future; it is 2013-04-01 00:00 UTC")


@pytest.mark.parametrize(
    ("column", "value", "code", "expected_message"),
    [
        ("distance", None, "null", "distance: 1 of 20 rows have none; row 6 is the first"),
        ("distance", np.nan, "null", "distance: 1 of 20 rows have none; row 6 is the first"),
        ("distance", -1.0, "out_of_range", "distance: 1 of 20 values are below the minimum 0; row 6 is the first"),
        ("wind", np.inf, "not_finite", "wind: 1 of 20 values are not finite; row 6 is the first"),
        ("trip_id", None, "null", "trip_id: 1 of 20 rows have none; row 6 is the first"),
        ("departed_at", pd.NaT, "null", "departed_at: 1 of 20 rows have none; row 6 is the first"),
        ("carrier", None, "null", "carrier: 1 of 20 rows have none; row 6 is the first"),
    ],
)
def test_a_value_that_cannot_be_is_named(column: str, value: Any, code: str, expected_message: str) -> None:
    frame = features_frame()
    frame.loc[5, column] = value
    assert fault(parquet(frame)) == (code, expected_message)


def with_group(**changes: Any) -> LandedRowsReader:
    return LandedRowsReader(project=Project(groups={"trips": replace(a_group(), **changes)}, models={}))


def test_a_batch_of_too_many_or_too_few_rows_is_named() -> None:
    reader = with_group(batch=BatchSize(minimum_rows=10, maximum_rows=20))
    for rows, expected_message in (
        (9, "the batch has 9 rows, 10 are the least"),
        (21, "the batch has 21 rows, 20 are the most"),
    ):
        with pytest.raises(BatchRejected, match=expected_message):
            read(landed_features(rows=rows), reader=reader)
    assert read(landed_features(rows=10), reader=reader).count == 10


def test_more_missing_values_than_declared_are_named() -> None:
    columns = tuple(replace(c, maximum_missing=0.2) if c.name == "wind" else c for c in a_group().columns)
    reader = with_group(columns=columns)
    frame = features_frame(wind=[None] * 5 + [1.0] * 15)
    with pytest.raises(BatchRejected, match=r"wind: 25\.0% of the values are missing, 20\.0% may be"):
        read(parquet(frame), reader=reader)
    frame.loc[0, "wind"] = 1.0
    assert read(parquet(frame), reader=reader).count == 20


def test_text_that_is_no_utf_8_is_named() -> None:
    column = pa.array([b"\xff\xfe"] * 20, pa.binary()).view(pa.string())
    code, message = fault(arrow_parquet(features_table(carrier=column)))
    assert code == "unparsable"
    assert "Invalid UTF8" in message


@pytest.mark.parametrize(
    ("times", "unit", "code", "expected_message"),
    [
        (1_500_000_000_000_000_000, "us", "future_event_time", "departed_at: 20 of 20 values are in the future"),
        (-62_135_596_800, "s", "out_of_range", "departed_at: 20 of 20 values are before 1900; row 1 is the first"),
        (10**17, "ms", "wrong_type", "departed_at: must be times that microseconds can count"),
    ],
)
def test_a_time_far_off_the_calendar_is_named(times: int, unit: str, code: str, expected_message: str) -> None:
    column = pa.array([times] * 20, pa.timestamp(unit, "UTC"))
    found = fault(arrow_parquet(features_table(departed_at=column)))
    assert found[0] == code
    assert found[1].startswith(expected_message)


@pytest.mark.parametrize("declared", [None, timedelta()])
def test_times_of_which_only_some_have_a_zone_are_named(declared: timedelta | None) -> None:
    body = csv(features_frame()).replace(b"+00:00", b"", 1)
    expected_message = (
        "departed_at: must be an ISO 8601 time in one form, but some rows have a time zone and some have none"
    )
    assert fault(body, name="1.csv", reader=with_group(utc_offset=declared)) == ("wrong_type", expected_message)


def test_a_column_that_is_there_twice_is_named_if_it_is_declared() -> None:
    assert read(csv(features_frame(a=1, b=2)).replace(b",a,b", b",a,a"), name="1.csv").count == 20
    body = csv(features_frame(a=1)).replace(b",holiday,a", b",holiday,wind")
    assert fault(body, name="1.csv") == ("duplicate_column", "wind: the column is there 2 times")
    table = features_table()
    assert fault(arrow_parquet(table.append_column("wind", table["wind"])))[0] == "duplicate_column"


@pytest.mark.parametrize("column", ["distance", "trip_id"])
def test_a_message_stays_short_however_long_a_cell_is(column: str) -> None:
    frame = features_frame().astype(object)
    frame.loc[3, column] = "x" * 500_000
    frame.loc[4] = frame.loc[3]
    found = faults(csv(frame), name="1.csv")
    assert {entry.column for entry in found} >= {column}
    assert max(len(entry.message) for entry in found) < 100


def test_a_message_stays_short_however_long_a_header_is() -> None:
    header = b"wind," + b"a" * 500_000
    assert max(len(entry.message) for entry in faults(header + b"\n1,2\n", name="1.csv")) == 240


ALICE = "Alice Example"


def without_header(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, header=False).encode()


def all_of(column: str) -> pd.DataFrame:
    return features_frame().astype(object).assign(**{column: ALICE})


@pytest.mark.parametrize(
    ("body", "name"),
    [
        *[(csv(all_of(column)), "1.csv") for column in ("distance", "holiday", "departed_at", "wind")],
        *[(parquet(all_of(column)), "1.parquet") for column in ("distance", "holiday", "departed_at")],
        (without_header(all_of("carrier")), "1.csv"),
        (csv(all_of("carrier")) + f"{ALICE},1,{ALICE},2,3,4,5,6,7,8,9,{ALICE}\n".encode(), "1.csv"),
        (csv(all_of("carrier")) + f'"{ALICE}\n'.encode(), "1.csv"),
        (csv(pd.concat([all_of("trip_id")] * 2)), "1.csv"),
        (parquet(pd.concat([all_of("trip_id")] * 2)), "1.parquet"),
        (parquet(all_of("carrier"))[:-200], "1.parquet"),
        (ALICE.encode() * 90, "1.parquet"),
        (ALICE.encode() * 90, "1.csv"),
    ],
)
def test_what_a_row_holds_is_in_no_message(body: bytes, name: str) -> None:
    found = faults(body, name=name)
    assert found
    assert not [entry.message for entry in found if "Alice" in entry.message]


def test_a_csv_row_that_is_too_long_is_told_by_its_number() -> None:
    body = csv(features_frame(rows=2)) + b"1,2,3,4,5,6,7,8,9,10,11,12\n"
    _, message = fault(body, name="1.csv")
    assert re.match(r"1\.csv cannot be read: (row 4|a row) has 12 cells where the header has \d+; is the", message)


def test_a_file_without_a_header_is_told_as_such() -> None:
    assert {entry.message.partition("; ")[2] for entry in faults(without_header(features_frame()), name="1.csv")} == {
        "no declared column is there; is the first line a header?"
    }


def test_a_file_with_a_changed_byte_is_taken_or_set_aside_but_never_an_error() -> None:
    rng = np.random.default_rng(1)
    whole = np.frombuffer(landed_features(), dtype=np.uint8)
    set_aside = 0
    for place in rng.integers(0, len(whole), 1000):
        changed = whole.copy()
        changed[place] = rng.integers(0, 256)
        try:
            rows = read(changed.tobytes())
        except BatchRejected:
            set_aside += 1
        else:
            list(rows.parts(["distance", "wind", "carrier", "holiday"]))
    assert 100 < set_aside < 1000


def test_a_label_other_than_0_and_1_is_named() -> None:
    code, message = fault(landed_labels(late=[0.0, 1.0] * 9 + [2.0, 1.0]), feed=LABELS)
    assert (code, message) == ("out_of_range", "late: 1 of 20 values are neither 0 nor 1; row 19 is the first")


def named_classes(*classes: str) -> LandedRowsReader:
    spec = replace(a_model(), label=replace(a_model().label, classes=classes))
    return LandedRowsReader(project=Project(groups={"trips": a_group()}, models={"trips": spec}))


@pytest.mark.parametrize("name", ["labels/trips/1.parquet", "labels/trips/1.csv"])
def test_a_label_of_words_becomes_the_number_of_its_class(name: str) -> None:
    body = landed_labels(late=["on time", "late"] * 10, as_csv=name.endswith("csv"))
    rows = read(body, name=name, feed=LABELS, reader=named_classes("on time", "late"))
    assert rows.first["late"].to_pylist() == [0.0, 1.0] * 10


@pytest.mark.parametrize(("values", "classes"), [([1, 2] * 10, ("1", "2")), ([True, False] * 10, ("true", "false"))])
def test_a_class_is_the_same_however_it_is_stored(values: list[Any], classes: tuple[str, str]) -> None:
    rows = read(landed_labels(late=values), feed=LABELS, reader=named_classes(*classes))
    assert rows.first["late"].to_pylist() == [0.0, 1.0] * 10


@pytest.mark.parametrize("values", [[1, 2, 3, 2], ["1", "2", "3", "2"], [1.0, 2.0, 3.0, 2.0]])
def test_one_of_several_classes_becomes_its_number(values: list[Any]) -> None:
    rows = read(landed_labels(late=values * 5), feed=LABELS, reader=named_classes("1", "2", "3"))
    assert rows.first["late"].to_pylist() == [0.0, 1.0, 2.0, 1.0] * 5


def test_what_is_none_of_several_classes_is_told_with_all_of_them() -> None:
    reader = named_classes("on time", "late", "lost")
    _, message = fault(landed_labels(late=["on time", "late", "lost", "??"] * 5), feed=LABELS, reader=reader)
    assert message == "late: must be one of late, lost, on time; row 4 is the first that is not"


def test_a_class_that_is_not_declared_is_named_by_its_row_and_not_by_itself() -> None:
    reader = named_classes("no", "yes")
    code, message = fault(landed_labels(late=["no", "yes"] * 9 + ["no", "maybe"]), feed=LABELS, reader=reader)
    assert (code, message) == ("wrong_type", "late: must be no or yes; row 20 is the first that is not")
    code, message = fault(landed_labels(late=["no", None] * 10), feed=LABELS, reader=reader)
    assert (code, message) == ("null", "late: 10 of 20 rows have none; row 2 is the first")


def test_all_faults_are_found_at_once() -> None:
    frame = features_frame(distance=-1.0).drop(columns="wind").astype({"carrier": object})
    frame.loc[0, "carrier"] = None
    found = faults(parquet(frame))
    assert [(entry.code, entry.column) for entry in found] == [
        ("out_of_range", "distance"),
        ("missing_column", "wind"),
        ("null", "carrier"),
    ]


@pytest.mark.parametrize(
    ("key", "code", "expected_message"),
    [
        (["1"] * 19 + [None], "null", "trip_id: 1 of 20 rows have none; row 20 is the first"),
        ([1.5] * 20, "wrong_type", "trip_id: must be text or a whole number; row 1 is the first that is not"),
        ([True] * 20, "wrong_type", "trip_id: must be text or a whole number, not bool"),
    ],
)
def test_a_label_that_names_no_row_is_named(key: list[Any], code: str, expected_message: str) -> None:
    labels = features_frame()[["departed_at"]].assign(trip_id=key, late=0.0)
    assert fault(parquet(labels), feed=LABELS) == (code, expected_message)


def test_a_label_from_the_future_is_named() -> None:
    code, message = fault(landed_labels(day=30), feed=LABELS)
    assert code == "future_event_time"
    assert message.startswith("departed_at: 19 of 20 values are in the future; it is 2013-04-01 00:00 UTC")


def test_zero_is_a_label_with_either_sign() -> None:
    assert read(landed_labels(late=[-0.0, 1.0] * 10), feed=LABELS).count == 20


def test_a_label_column_of_another_type_is_named() -> None:
    table = pa.table({"trip_id": ["1"], "departed_at": [NOW - days(1)], "late": ["yes"]})
    code, message = fault(arrow_parquet(table), feed=LABELS)
    assert (code, message) == ("wrong_type", "late: must be a number; row 1 is the first that is not")


def test_the_same_label_again_is_one_label() -> None:
    rows = read(again(range(20), late=0.0), feed=LABELS)
    assert rows.first.equals(read(landed_labels(late=0.0), feed=LABELS).first)


def test_two_labels_of_a_row_are_named() -> None:
    code, message = fault(again(range(3), late=1.0), feed=LABELS)
    assert code == "contradicting_labels"
    assert message.startswith("late: 3 labels contradict an earlier one of the same row, such as row ")


def again(rows: Iterable[int], *, late: float, count: int = 20) -> bytes:
    """Labels of 0, and some once more with this label."""
    labels = features_frame(rows=count)[["trip_id", "departed_at"]].assign(late=0.0)
    return parquet(pd.concat([labels, labels.iloc[list(rows)].assign(late=late)]))


def without_zone(frame: pd.DataFrame, *, hours_ahead: float = 0) -> pd.DataFrame:
    """As read from a clock that is so far ahead of UTC."""
    local = frame["departed_at"] + pd.Timedelta(hours=hours_ahead)
    return frame.assign(departed_at=local.dt.tz_localize(None))


def features_table(**columns: pa.Array) -> pa.Table:
    """What no data frame would write: `columns` replace those of a good batch."""
    table = pa.Table.from_pandas(features_frame(), preserve_index=False)
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def arrow_parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue().to_pybytes())


# --- more than one part -------------------------------------------------------------------------


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landed_files, "ROWS_PER_CHUNK", 60)


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("name", ["1.parquet", "1.csv", "1.csv.gz"])
def test_a_file_of_several_parts_has_the_rows_and_the_sketch_of_the_whole(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.concat([features_frame(day=day, rows=100) for day in (1, 2)])
    body = {"1.parquet": parquet, "1.csv": csv, "1.csv.gz": lambda rows: gzip.compress(csv(rows))}[name](frame)
    if "csv" in name:  # its reader's blocks are larger than these rows
        monkeypatch.setattr(landed_files, "CSV_BLOCK_BYTES", 1_000)
    names = [column.name for column in a_group().columns]
    with READER.read(io.BytesIO(body), name=name, feed=FEATURES, now=NOW) as rows:
        parts = list(rows.parts(names))
        kept = pq.read_table(rows.file)
    assert rows.count == kept.num_rows == 200
    assert len(parts) >= 3
    assert rows.event_times == (NOW - days(29), NOW - days(27.01))
    whole = as_parts(frame, names)
    reference = build_reference(whole, a_group().columns)
    assert merge([reference.sketch(part) for part in parts]) == reference.sketch(whole)


@pytest.mark.usefixtures("in_parts")
def test_rows_that_are_there_twice_are_found_across_parts() -> None:
    frame = features_frame(rows=100)
    code, message = fault(parquet(pd.concat([frame, frame.head(7)])))
    assert (code, message) == (
        "duplicate_rows",
        "trip_id: 7 rows repeat the trip_id and departed_at of an earlier row",
    )


@pytest.mark.usefixtures("in_parts")
def test_the_same_label_again_is_borne_across_parts_and_another_one_is_named() -> None:
    assert read(again(range(7), late=0.0, count=100), feed=LABELS).count >= 100
    code, message = fault(again(range(7), late=1.0, count=100), feed=LABELS)
    assert (code, message) == ("contradicting_labels", "late: 7 labels contradict an earlier one of the same row")


@pytest.mark.usefixtures("in_parts")
def test_a_fault_in_a_later_part_says_where() -> None:
    frame = features_frame(rows=200)
    frame.loc[150, "distance"] = -1.0
    code, message = fault(parquet(frame))
    assert code == "out_of_range"
    assert message.startswith(
        "distance: 1 of 60 values are below the minimum 0; row 151 is the first (rows from 121 on)"
    )


@pytest.mark.usefixtures("in_parts")
def test_a_file_that_ends_in_the_middle_is_named_in_any_part() -> None:
    zipped = gzip.compress(csv(features_frame(rows=300)))
    code, message = fault(zipped[: len(zipped) // 2], name="1.csv.gz")
    assert code == "unparsable"
    assert "1.csv.gz cannot be read" in message


@pytest.mark.usefixtures("in_parts")
def test_shares_and_volume_are_those_of_the_whole_file() -> None:
    reader = with_group(
        batch=BatchSize(minimum_rows=150),
        columns=tuple(replace(c, maximum_missing=0.3) if c.name == "wind" else c for c in a_group().columns),
    )
    frame = features_frame(rows=200, wind=[None] * 50 + [1.0] * 150)  # most of the first part, a quarter of all
    assert read(parquet(frame), reader=reader).count == 200


def as_parts(frame: pd.DataFrame, names: list[str]) -> dict[str, Any]:
    with READER.read(io.BytesIO(parquet(frame)), name="1.parquet", feed=FEATURES, now=NOW) as rows:
        parts = list(rows.parts(names))
    return {
        name: Categories.from_values([part[name].levels[code] for part in parts for code in part[name].codes])
        if isinstance(parts[0][name], Categories)
        else np.concatenate([part[name] for part in parts])
        for name in names
    }
