"""DuckDB's ASOF JOIN, on tables in memory, answered as Arrow."""

import json
import sys
import time

import duckdb

left, values = sys.argv[1:3]
store = duckdb.connect()
store.execute(f"CREATE TABLE asking AS FROM read_parquet('{left}')")
store.execute(f"CREATE TABLE held AS FROM read_parquet('{values}')")
query = """
SELECT asking.*, held.f0, held.f1, held.f2, held.f3, held.f4
FROM asking ASOF LEFT JOIN held ON asking.sensor = held.sensor AND asking.event_time >= held.event_time
WHERE held.event_time IS NULL OR asking.event_time - held.event_time <= INTERVAL 7 DAY
"""
began = time.perf_counter()
joined = store.execute(query).to_arrow_table()
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "matched": joined.num_rows - joined["f0"].null_count}))
