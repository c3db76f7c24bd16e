"""A file of history is cut into what would have landed, in that order, each label when it was known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from evertrain.adapters.landing.rows import LandedRowsReader
from evertrain.backfill.batches import PastBatch, past_batches
from evertrain.domain.landing.batches import FeedKind
from evertrain.domain.project.feature_group import BatchSize
from evertrain.domain.project.file_format import FileFormat
from evertrain.domain.project.model import Project
from evertrain.replay.history import InvalidHistory
from evertrain.replay.raw_rows import RawRows, read_raw_rows
from tests.builders.models import a_model, days

START = datetime(2013, 1, 1, tzinfo=UTC)
GROUP = replace(a_model().group, batch=BatchSize(every=days(1)))
SPEC = replace(a_model(), group=GROUP)
READER = LandedRowsReader(project=Project(groups={"trips": GROUP}, models={"trips": SPEC}))


def trips(count: int = 9) -> pd.DataFrame:
    """Three a day, the latest first; the last has no label yet."""
    frame = pd.DataFrame(
        {
            "trip_id": [f"t{i}" for i in range(count)],
            "departed_at": [START + timedelta(hours=8 * i) for i in range(count)],
            "distance": [100.5 + i for i in range(count)],
            "wind": [None, *map(float, range(1, count))],
            "carrier": ["12", "7", "12"] * (count // 3),
            "holiday": [True, False, False] * (count // 3),
            "note": "not declared",
            "late": [float(i % 2) for i in range(count - 1)] + [None],
        }
    )
    return frame.iloc[::-1]


def as_file(path: Path, frame: pd.DataFrame) -> RawRows:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".tsv":
        frame.to_csv(path, index=False, sep="\t", decimal=",")
    else:
        frame.to_parquet(path, index=False)
    return read_raw_rows(path, infer_kinds=False)


def cut(rows: RawRows, labels: RawRows | None = None, *, now: datetime = START + days(30)) -> list[PastBatch]:
    return past_batches(SPEC, rows, labels, batch=None, now=now)


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.parquet"])
def test_features_land_by_batch_and_labels_when_they_are_known(tmp_path: Path, name: str) -> None:
    found = cut(as_file(tmp_path / name, trips()))
    assert [(each.feed.kind, each.rows, each.known_at - START) for each in found] == [
        (FeedKind.FEATURES, 3, days(1)),
        (FeedKind.FEATURES, 3, days(2)),
        (FeedKind.FEATURES, 3, days(3)),
        (FeedKind.LABELS, 3, days(4)),
        (FeedKind.LABELS, 3, days(5)),
        (FeedKind.LABELS, 2, days(6)),
    ]
    first = found[0]
    with READER.read(BytesIO(first.body), name=first.name, feed=first.feed, now=first.known_at) as landed:
        rows = landed.first.to_pylist()
    assert [(row["trip_id"], row["distance"], row["wind"], row["carrier"], row["holiday"]) for row in rows] == [
        ("t0", 100.5, None, "12", True),
        ("t1", 101.5, 1.0, "7", False),
        ("t2", 102.5, 2.0, "12", False),
    ]
    last = found[-1]
    with READER.read(BytesIO(last.body), name=last.name, feed=last.feed, now=last.known_at) as landed:
        assert landed.first["late"].to_pylist() == [0.0, 1.0]
    assert pq.read_table(BytesIO(first.body)).column_names == [
        "trip_id",
        "departed_at",
        "distance",
        "wind",
        "carrier",
        "holiday",
    ], "what is not declared does not land"


def test_labels_may_be_in_a_file_of_their_own_or_still_to_come(tmp_path: Path) -> None:
    rows = as_file(tmp_path / "rows.csv", trips().drop(columns="late"))
    assert {each.feed.kind for each in cut(rows)} == {FeedKind.FEATURES}
    labels = as_file(tmp_path / "labels.csv", trips()[["trip_id", "departed_at", "late"]])
    assert [each.body for each in cut(rows, labels)] == [
        each.body for each in cut(as_file(tmp_path / "both.csv", trips()))
    ]


def test_nothing_is_known_before_it_is(tmp_path: Path) -> None:
    now = START + days(2) + timedelta(hours=20)
    found = cut(as_file(tmp_path / "rows.csv", trips()), now=now)
    assert max(each.known_at for each in found) == now


def test_the_same_file_gives_the_same_bytes_again(tmp_path: Path) -> None:
    rows = as_file(tmp_path / "rows.csv", trips())
    assert cut(rows) == cut(rows)


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (trips().drop(columns="carrier"), "rows.csv has no column carrier; it has trip_id"),
        (trips().assign(late=None), "rows.csv has no rows of labels/trips"),
        (trips().assign(departed_at="soon"), "departed_at: must be an ISO 8601 time; row 1 is the first"),
    ],
)
def test_what_cannot_be_landed_is_one_sentence(tmp_path: Path, frame: pd.DataFrame, told: str) -> None:
    with pytest.raises(InvalidHistory, match=told):
        cut(as_file(tmp_path / "rows.csv", frame))


def test_a_spreadsheets_history_lands_as_what_it_means(tmp_path: Path) -> None:
    """A day's batch, by itself, would not tell which part of its dates is the day."""
    frame = trips()
    usual = cut(as_file(tmp_path / "rows.parquet", frame))
    path = tmp_path / "export.csv"
    written = frame.assign(
        departed_at=pd.to_datetime(frame["departed_at"]).dt.strftime("%d.%m.%Y %H:%M:%S%z"),
        distance=[f"{each + 1000:,.1f}".translate(str.maketrans(",.", ".,")) for each in frame["distance"]],
    )
    pd.concat([written, written[:1].assign(departed_at="31.01.2013 00:00:00+0000", trip_id="late")]).to_csv(
        path, index=False, sep=";", decimal=",", encoding="cp1252"
    )
    found = cut(read_raw_rows(path, infer_kinds=False), now=START + days(300))
    for ours, theirs in zip(found[:3], usual[:3], strict=True):
        rows, expected = (landed_rows(each) for each in (ours, theirs))
        assert [each["event_time"] for each in rows] == [each["event_time"] for each in expected]
        assert [each["distance"] - 1000 for each in rows] == pytest.approx([each["distance"] for each in expected])


def landed_rows(batch: PastBatch) -> list[dict[str, Any]]:
    with READER.read(BytesIO(batch.body), name=batch.name, feed=batch.feed, now=batch.known_at) as landed:
        found: list[dict[str, Any]] = landed.first.to_pylist()
        return found


def test_a_history_that_can_be_read_in_two_ways_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    frame = trips().assign(distance="1,234", wind=1)
    frame.assign(late=frame["late"].astype("Int64")).to_csv(path, index=False)
    told = r"rows.csv: distance: 1,234 is 1234 if the comma separates thousands, .*; say which by --decimal"
    with pytest.raises(InvalidHistory, match=told):
        cut(read_raw_rows(path, infer_kinds=False))
    declared = cut(read_raw_rows(path, infer_kinds=False, file_format=FileFormat(decimal=".")))
    assert {each["distance"] for each in landed_rows(declared[0])} == {1234.0}
