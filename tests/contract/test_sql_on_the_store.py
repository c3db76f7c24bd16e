"""The documented SQL, run by DuckDB on the Delta tables, gives the rows that a retraining reads."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from evertrain.adapters.project_files import load_project
from evertrain.demo.flights import after, load_flights
from evertrain.domain.feeds import label_feed, own_feed
from evertrain.domain.training import Interval
from evertrain.use_cases.training_rows import StoredTrainingRows
from tests.builders.store import Store

ROOT = Path(__file__).parents[2]
KNOWN_AT = datetime(2013, 1, 9, tzinfo=UTC)
WINDOW = Interval(start=datetime(2013, 1, 2, tzinfo=UTC), end=datetime(2013, 1, 6, tzinfo=UTC))


def test_duckdb_reads_the_rows_that_a_plan_reads(tmp_path: Path) -> None:
    project, flights = load_project(ROOT), load_flights()
    spec = project.models["flights"]
    store = Store(root=tmp_path / "tables", project=project)
    for number in range(1, 8):
        day = date(2013, 1, number)
        store.add(own_feed(spec), flights.features(day), ingested_at=after(day))
        store.add(
            label_feed(spec), flights.labels(day, label="late"), ingested_at=after(day) + timedelta(days=number % 3)
        )
    # What was corrected in time counts, what became known afterwards does not.
    for known_at in (KNOWN_AT, KNOWN_AT + timedelta(days=1)):
        corrected = flights.table.assign(late=1 - flights.table["late"], wind_speed=known_at.day)
        other = type(flights)(table=corrected[corrected["day"] == date(2013, 1, known_at.day - 6)])
        day = date(2013, 1, known_at.day - 6)
        store.add(own_feed(spec), other.features(day), ingested_at=known_at)
        store.add(label_feed(spec), other.labels(day, label="late"), ingested_at=known_at)
    out = tmp_path / "rows.parquet"
    command = [sys.executable, "docs/examples/flights_rows.py", str(store.root)]
    subprocess.run([*command, "2013-01-02", "2013-01-06", "2013-01-09", str(out)], cwd=ROOT, check=True)

    plan = store.plan(spec, known_at=KNOWN_AT)
    expected = StoredTrainingRows(tables=store.reader).labelled(spec, plan, WINDOW)
    found = pq.read_table(out).select(expected.column_names)
    assert expected.num_rows > 3000
    assert found.cast(expected.schema).equals(expected)
