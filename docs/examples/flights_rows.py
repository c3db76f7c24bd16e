"""The training rows of `flights` by SQL, in DuckDB on the store's own Delta tables: nothing of Evertrain is needed.

    python docs/examples/flights_rows.py s3://…/tables 2013-01-01 2013-01-20 2013-01-25 rows.parquet

Rows are streamed: memory is what DuckDB needs for its window functions, which it spills to disk.
"""

import sys
from datetime import datetime
from pathlib import Path

import duckdb
from deltalake import DeltaTable

SQL = Path(__file__).with_suffix(".sql").read_text()


def write_rows(root: str, *, since: datetime, until: datetime, known_at: datetime, out: str) -> None:
    """Parquet, in the order of time. Of a model version, give `version=` as `evertrain versions --json` has them."""
    database = duckdb.connect()
    # Where DuckDB may fetch its delta extension: CREATE VIEW flights AS FROM delta_scan('s3://…', version => 40)
    database.register("flights", DeltaTable(f"{root}/features/flights").to_pyarrow_dataset())
    database.register("labels", DeltaTable(f"{root}/labels/flights").to_pyarrow_dataset())
    times = {"since": since, "until": until, "known_at": known_at}
    database.execute(f"COPY ({SQL}) TO '{out}' (FORMAT parquet)", times)


if __name__ == "__main__":
    root, since, until, known_at, out = sys.argv[1:]
    since, until, known_at = (datetime.fromisoformat(f"{day}T00:00:00+00:00") for day in (since, until, known_at))
    write_rows(root, since=since, until=until, known_at=known_at, out=out)
