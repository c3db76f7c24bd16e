"""Files as spreadsheets and streams write them are landed where that is certain, or as the group declares it."""

import gzip
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from evertrain.adapters.landing.rows import LandedRows, LandedRowsReader
from evertrain.domain.landing.batches import Feed
from evertrain.domain.project.file_format import UNDECLARED, FileFormat
from evertrain.domain.project.model import Project
from evertrain.ports.batch_reader import BatchRejected
from tests.builders.batches import FEATURES, LABELS
from tests.builders.landed import features_frame, parquet
from tests.builders.models import NOW, a_group, a_model, days


def reader(declared: FileFormat) -> LandedRowsReader:
    group = replace(a_group(), format=declared, utc_offset=days(0))
    return LandedRowsReader(
        project=Project(groups={"trips": group}, models={"trips": replace(a_model(), group=group)})
    )


def read(body: bytes, declared: FileFormat = UNDECLARED, *, name: str = "1.csv", feed: Feed = FEATURES) -> LandedRows:
    with reader(declared).read(io.BytesIO(body), name=name, feed=feed, now=NOW) as rows:
        return rows


def fault(body: bytes, declared: FileFormat = UNDECLARED, **options: Any) -> tuple[str, str]:
    with pytest.raises(BatchRejected) as raised:
        read(body, declared, **options)
    (found,) = raised.value.faults
    return found.code, found.message


def trips() -> pd.DataFrame:
    """In whole seconds of a day that no month has as its number."""
    frame = features_frame(day=22, distance=np.linspace(950, 12_000, 20).round(2), carrier=["Köln"] * 20)
    return frame.assign(departed_at=frame["departed_at"].dt.floor("s").dt.tz_localize(None))


def european(frame: pd.DataFrame) -> pd.DataFrame:
    swapped = str.maketrans(",.", ".,")
    return frame.assign(
        departed_at=frame["departed_at"].dt.strftime("%d.%m.%Y %H:%M:%S"),
        distance=[f"{each:,.2f}".translate(swapped) for each in frame["distance"]],
        wind=[None if np.isnan(each) else f"{each:.6f}".replace(".", ",") for each in frame["wind"]],
    )


def american(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(
        departed_at=[f"{each.month}/{each.day}/{each.year} {each:%I:%M:%S %p}" for each in frame["departed_at"]],
        distance=[f"{each:,.2f}" for each in frame["distance"]],
        wind=frame["wind"].round(6),
    )


def feather(frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


WRITERS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "excel.csv": lambda frame: european(frame).to_csv(index=False, sep=";").encode("cp1252"),
    "excel_hint.csv": lambda frame: (
        b"sep=;\r\n" + european(frame).to_csv(index=False, sep=";").encode("utf-8-sig")[3:]
    ),
    "unicode.txt": lambda frame: european(frame).to_csv(index=False, sep="\t").encode("utf-16"),
    "marked.csv": lambda frame: american(frame).to_csv(index=False).encode("utf-8-sig"),
    "us.csv": lambda frame: american(frame).to_csv(index=False).encode(),
    "us.parquet": lambda frame: parquet(american(frame)),
    "rows.feather": feather,
    "eu.arrow": lambda frame: feather(european(frame)),
    "firehose.json.gz": lambda frame: gzip.compress(
        european(frame).to_json(orient="records", lines=True).strip().encode()
    ),
    "members.json.gz": lambda frame: b"".join(
        gzip.compress(part.to_json(orient="records", lines=True, date_format="iso").encode())
        for part in (frame[:9], frame[9:])
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_certain_lands(name: str) -> None:
    frame = trips().assign(wind=trips()["wind"].round(6))
    expected = read(parquet(frame), name="1.parquet").first
    assert read(WRITERS[name](frame), name=name).first.equals(expected)


DAYS_TO_9 = [f"0{1 + i % 9}/11/2012" for i in range(20)]


@pytest.mark.parametrize(
    ("changes", "readings", "key", "choices"),
    [
        (
            {"distance": "2,987", "wind": None},
            "distance: 1,234 is 1234 if the comma separates thousands, or 1.234 if it is decimal",
            "decimal",
            (".", ","),
        ),
        (
            {"departed_at": DAYS_TO_9},
            "departed_at: 01/02/2024 is 1 February or 2 January",
            "dates",
            ("day_first", "month_first"),
        ),
    ],
)
def test_what_can_be_read_in_two_ways_is_told_with_both_and_without_what_a_row_holds(
    changes: dict[str, Any], readings: str, key: str, choices: tuple[str, str]
) -> None:
    declare = " or ".join(f'{key} = "{each}"' for each in choices)
    assert fault(trips().assign(**changes).to_csv(index=False).encode()) == (
        "ambiguous",
        f"{readings}; declare {declare} in [format] of features/trips.toml",
    )


def test_what_the_group_declares_decides() -> None:
    body = trips().assign(distance="1,234", wind=None, departed_at=DAYS_TO_9)
    csv = body.assign(trip_id=range(20)).to_csv(index=False).encode()
    first = read(csv, FileFormat(decimal=",", dates="month_first")).first
    assert set(first["distance"].to_pylist()) == {1.234}
    assert {each.month for each in first["event_time"].to_pylist()} == set(range(1, 10))
    first = read(csv, FileFormat(thousands=",", decimal=".", dates="%d/%m/%Y")).first
    assert set(first["distance"].to_pylist()) == {1234.0}
    assert {each.month for each in first["event_time"].to_pylist()} == {11}
    as_parquet = parquet(body.assign(trip_id=[str(i) for i in range(20)]))
    assert read(as_parquet, FileFormat(decimal=",", dates="month_first"), name="1.parquet").first.num_rows == 20


def test_a_pattern_reads_whole_numbers_too() -> None:
    compact = trips().assign(departed_at=20130215, trip_id=range(20))
    declared = FileFormat(dates="%Y%m%d")
    for body, name in ((parquet(compact), "1.parquet"), (compact.to_csv(index=False).encode(), "1.csv")):
        assert {each.day for each in read(body, declared, name=name).first["event_time"].to_pylist()} == {15}


def test_labels_are_written_as_their_group_is() -> None:
    labels = trips()[["trip_id", "departed_at"]].assign(late=0)
    labels["departed_at"] = labels["departed_at"].dt.strftime("%m/%d/%Y %H:%M:%S")
    body = labels.to_csv(index=False, sep="^").encode()
    assert read(body, FileFormat(separator="^"), feed=LABELS).count == 20


def test_an_encoding_that_is_not_certain_is_declared() -> None:
    body = trips().assign(carrier="Победа").to_csv(index=False).encode("cp1251")
    assert fault(body) == (
        "unparsable",
        "1.csv: its text is neither UTF-8 nor Windows-1252; declare encoding in [format] of features/trips.toml",
    )
    assert set(read(body, FileFormat(encoding="cp1251")).first["carrier"].to_pylist()) == {"Победа"}
    contradiction = trips().to_csv(index=False).encode()
    assert fault(contradiction, FileFormat(encoding="cp1252"))[1].startswith(
        "1.csv: its text is UTF-8, and cp1252 is declared"
    )


def test_a_separator_that_is_not_certain_is_declared() -> None:
    frame = trips().assign(carrier="a|b").rename(columns={"carrier": "carrier|code"})
    assert fault(frame.to_csv(index=False).encode())[1].startswith('1.csv: its cells may be separated by "," and "|"')
    named = FileFormat(separator=",")
    assert "carrier: the column is missing" in fault(frame.to_csv(index=False).encode(), named)[1]


def test_a_file_that_is_not_separated_as_declared_is_told_once_with_both_separators() -> None:
    body = trips().to_csv(index=False).encode()
    for declared, name in ((";", '";"'), ("\t", "a tab")):
        assert fault(body, FileFormat(separator=declared)) == (
            "unparsable",
            f'1.csv: its cells look separated by ",", and {name} is declared; '
            "declare separator in [format] of features/trips.toml",
        )
    assert read(trips().to_csv(index=False, sep=";").encode(), FileFormat(separator=";")).count == 20


def test_a_batch_with_a_total_or_a_second_header_names_the_row() -> None:
    frame = european(trips())
    total = pd.concat([frame, frame[:1].assign(trip_id="Summe", departed_at="", distance="1.234.567,89")])
    code, message = fault(total.to_csv(index=False, sep=";").encode())
    assert (code, message) == ("null", "departed_at: 1 of 21 rows have none; row 21 is the first")
    units = pd.concat([frame[:1].assign(distance="km"), frame])
    code, message = fault(units.drop_duplicates("trip_id").to_csv(index=False, sep=";").encode())
    assert (code, message) == ("wrong_type", "distance: must be a number; row 1 is the first that is not")


def test_levels_are_the_same_whoever_wrote_the_codes() -> None:
    codes = [None if i % 7 == 0 else i % 5 for i in range(20)]
    frame = trips().assign(carrier=pd.Series(codes, dtype="float"), holiday=[0.0, 1.0] * 10).dropna(subset="carrier")
    typed = read(parquet(frame.assign(carrier=frame["carrier"].astype(int))), name="1.parquet").first
    assert read(frame.to_csv(index=False).encode()).first.equals(typed)
    assert set(typed["carrier"].to_pylist()) == {"0", "1", "2", "3", "4"}


@pytest.mark.parametrize("name", ["rows.parquet", "rows.jsonl", "rows.arrow"])
def test_a_number_is_what_it_is_whatever_is_declared_of_text(name: str) -> None:
    frame = trips().assign(wind=1.5)
    bodies = {
        "rows.parquet": parquet(frame),
        "rows.jsonl": frame.to_json(orient="records", lines=True, date_format="iso").encode(),
        "rows.arrow": feather(frame),
    }
    first = read(bodies[name], FileFormat(decimal=",", dates="day_first"), name=name).first
    assert set(first["wind"].to_pylist()) == {1.5}


def test_nested_values_of_no_declared_column_are_passed_over() -> None:
    rows = trips().assign(note=[{"a": [1]}] * 20).to_json(orient="records", lines=True, date_format="iso")
    assert read(rows.encode(), name="rows.jsonl").count == 20
