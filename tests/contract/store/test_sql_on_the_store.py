"""The documented SQL and pandas, run on the Delta tables, give the rows that a retraining reads."""

import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evertrain.adapters.project.files import load_project
from evertrain.demo.flights import load_flights, reported_at
from evertrain.domain.landing.feeds import label_feed, own_group_feed
from evertrain.domain.project.interval import Interval
from evertrain.tables.point_in_time import latest_known
from evertrain.use_cases.training.training_rows import StoredTrainingRows
from tests.builders.store import ALL_TIME, Store

ROOT = Path(__file__).parents[3]
KNOWN_AT = datetime(2013, 1, 9, tzinfo=UTC)
WINDOW = Interval(start=datetime(2013, 1, 2, tzinfo=UTC), end=datetime(2013, 1, 6, tzinfo=UTC))


PROJECT = load_project(ROOT)
SPEC = PROJECT.models["flights"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A week of flights and their labels, some of them corrected."""
    flights, spec = load_flights(), SPEC
    store = Store(root=tmp_path_factory.mktemp("tables"), project=PROJECT)
    for number in range(1, 8):
        day = date(2013, 1, number)
        store.add(own_group_feed(spec), flights.features(day), ingested_at=reported_at(day))
        store.add(
            label_feed(spec),
            flights.labels(day, label="late"),
            ingested_at=reported_at(day) + timedelta(days=number % 3),
        )
    # What was corrected in time counts, what became known afterwards does not.
    for known_at in (KNOWN_AT, KNOWN_AT + timedelta(days=1)):
        corrected = flights.table.assign(late=1 - flights.table["late"], wind_speed=known_at.day)
        other = type(flights)(table=corrected[corrected["day"] == date(2013, 1, known_at.day - 6)])
        day = date(2013, 1, known_at.day - 6)
        store.add(own_group_feed(spec), other.features(day), ingested_at=known_at)
        store.add(label_feed(spec), other.labels(day, label="late"), ingested_at=known_at)
    return store


def test_duckdb_reads_the_rows_that_a_plan_reads(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "rows.parquet"
    command = [sys.executable, "docs/examples/flights_rows.py", str(store.root)]
    subprocess.run([*command, "2013-01-02", "2013-01-06", "2013-01-09", str(out)], cwd=ROOT, check=True)

    plan = store.plan(SPEC, known_at=KNOWN_AT)
    expected = StoredTrainingRows(tables=store.reader).read_labelled(SPEC, plan, WINDOW)
    found = pq.read_table(out).select(expected.column_names)
    assert expected.num_rows > 3000
    assert found.cast(expected.schema).equals(expected)


def test_pandas_reads_what_was_known_then(store: Store) -> None:
    feed = own_group_feed(SPEC)
    version = store.reader.state(feed).version
    documented = (ROOT / "docs/feature-store.md").read_text()
    (program,) = re.findall(r"```python\n(from deltalake.*?)```", documented, re.DOTALL)
    assert "2013-01-09" in program
    program = program.replace("s3://…/tables", str(store.root)).replace("version=40", f"version={version}")
    found: dict[str, Any] = {}
    exec(program, found)  # noqa: S102  # ours
    rows = store.reader.read(feed, version=version, rows=ALL_TIME, known_at=KNOWN_AT)
    expected = latest_known(rows, key="flight_id").select(["flight_id", "event_time", "wind_speed"])
    latest = found["latest"].sort_values(["event_time", "flight_id"])
    assert len(latest) == expected.num_rows > 5000
    for name in expected.column_names:
        assert pa.array(latest[name], expected[name].type, from_pandas=True).equals(expected[name].combine_chunks())
