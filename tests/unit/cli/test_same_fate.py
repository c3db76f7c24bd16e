"""A value has the same fate in every format of a file, whoever reads it: what lands, a replay, backfill, drift."""

import gzip
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from evertrain.adapters.landing.rows import LandedRowsReader
from evertrain.api.drift import drift
from evertrain.backfill.batches import past_batches
from evertrain.domain.landing.batches import Feed, FeedKind
from evertrain.domain.landing.feeds import EVENT_TIME
from evertrain.domain.project.feature_group import Column, FeatureGroup, FeatureKind
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.replay.defaults import Columns, infer_model
from evertrain.replay.history import Rhythm, read_history
from evertrain.replay.raw_rows import read_raw_rows
from evertrain.tables.columns import is_text
from tests.builders.models import a_model

ROWS = 240
START = datetime(2025, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=90)
RNG = np.random.default_rng(0)

NUMERIC, CATEGORICAL = FeatureKind.NUMERIC, FeatureKind.CATEGORICAL
BOOLEAN, TIMESTAMP = FeatureKind.BOOLEAN, FeatureKind.TIMESTAMP


def with_gaps(values: Any) -> pd.Series:
    return pd.Series(values, dtype=object).where(np.arange(ROWS) % 7 != 0, None)


CODES = RNG.integers(1, 9, ROWS)
FLAGS = RNG.random(ROWS) < 0.4
AMOUNTS = RNG.lognormal(7, 1, ROWS).round(2)
MOMENTS = pd.Series(pd.date_range("2024-12-01", periods=ROWS, freq="3h7min"))

COLUMNS: dict[str, tuple[FeatureKind, pd.Series]] = {
    "fractions": (NUMERIC, pd.Series(AMOUNTS)),
    "fractions_with_gaps": (NUMERIC, pd.Series(AMOUNTS).where(np.arange(ROWS) % 7 != 0)),
    "whole": (NUMERIC, pd.Series(CODES)),
    "whole_with_gaps": (NUMERIC, with_gaps(CODES).astype("Int64")),
    "grouped": (NUMERIC, pd.Series([f"{each:,.2f}" for each in AMOUNTS])),
    "flags": (BOOLEAN, pd.Series(FLAGS)),
    "flags_with_gaps": (BOOLEAN, with_gaps(FLAGS).astype("boolean")),
    "flags_of_numbers": (BOOLEAN, pd.Series(FLAGS.astype(int))),
    "flags_of_floats_with_gaps": (BOOLEAN, with_gaps(FLAGS.astype(float)).astype(float)),
    "levels": (CATEGORICAL, pd.Series(RNG.choice(["UA", "DL", "Köln"], ROWS))),
    "levels_with_gaps": (CATEGORICAL, with_gaps(RNG.choice(["UA", "DL"], ROWS))),
    "levels_in_codes": (CATEGORICAL, pd.Series(RNG.choice(["UA", "DL"], ROWS)).astype("category")),
    "codes": (CATEGORICAL, pd.Series(CODES)),
    "codes_with_gaps": (CATEGORICAL, with_gaps(CODES).astype("Int64")),
    "codes_as_floats": (CATEGORICAL, with_gaps(CODES).astype(float)),
    "long_codes_with_gaps": (CATEGORICAL, with_gaps(CODES + 10**17).astype("Int64")),
    "codes_with_zeros": (CATEGORICAL, pd.Series([f"0{each}" for each in CODES])),
    "flags_as_levels": (CATEGORICAL, pd.Series(FLAGS)),
    "times": (TIMESTAMP, MOMENTS),
    "times_with_zone": (TIMESTAMP, MOMENTS.dt.tz_localize("UTC")),
    "times_as_text": (TIMESTAMP, MOMENTS.dt.strftime("%Y-%m-%dT%H:%M:%S")),
    "dates": (TIMESTAMP, MOMENTS.dt.date),
    "day_first": (TIMESTAMP, MOMENTS.dt.strftime("%d/%m/%Y %H:%M")),
}


def frame_of(name: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "trip_id": [f"t{i}" for i in range(ROWS)],
            "departed_at": pd.date_range(START, periods=ROWS, freq="6h"),
            name: COLUMNS[name][1],
            "late": [float(i % 2) for i in range(ROWS)],
        }
    )


def spec_of(name: str) -> ModelSpec:
    group = FeatureGroup(
        name="trips",
        entity_key="trip_id",
        event_time="departed_at",
        columns=(Column(name=name, kind=COLUMNS[name][0], nullable=True),),
        utc_offset=timedelta(0),
    )
    return replace(a_model(), group=group, feature_names=(name,))


def parquet(frame: pd.DataFrame) -> bytes:
    return bytes(frame.to_parquet(index=False))


def arrow(frame: pd.DataFrame) -> bytes:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def spreadsheet(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, sep=";").encode("cp1252")


def json_lines(frame: pd.DataFrame) -> bytes:
    return frame.to_json(orient="records", lines=True, date_format="iso").strip().encode()


FORMATS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "rows.arrow": arrow,
    "rows.csv": csv,
    "rows.csv.gz": lambda frame: gzip.compress(csv(frame)),
    "rows.tsv": lambda frame: frame.to_csv(index=False, sep="\t").encode("utf-16"),
    "export.csv": spreadsheet,
    "rows.jsonl": json_lines,
    "rows.jsonl.gz": lambda frame: gzip.compress(json_lines(frame)),
}


def written(folder: Path, name: str, column: str) -> Path:
    path = folder / name
    path.write_bytes((parquet if name.endswith(".parquet") else FORMATS[name])(frame_of(column)))
    return path


def landed(path: Path, column: str) -> Any:
    spec = spec_of(column)
    reader = LandedRowsReader(project=Project(groups={"trips": spec.group}, models={spec.name: spec}))
    feed = Feed(kind=FeedKind.FEATURES, name="trips")
    with reader.read(io.BytesIO(path.read_bytes()), name=path.name, feed=feed, now=NOW) as rows:
        return rows.first.select(["trip_id", EVENT_TIME, column]).to_pylist()


def replayed(path: Path, column: str) -> Any:
    history = read_history(read_raw_rows(path, infer_kinds=False), spec_of(column), Rhythm())
    return history.table.to_pylist()


def backfilled(path: Path, column: str) -> Any:
    spec = spec_of(column)
    reader = LandedRowsReader(project=Project(groups={"trips": spec.group}, models={spec.name: spec}))
    raw = read_raw_rows(path, infer_kinds=False)
    rows = []
    for batch in past_batches(spec, raw, None, batch=timedelta(days=7), now=NOW):
        with reader.read(io.BytesIO(batch.body), name=batch.name, feed=batch.feed, now=NOW) as found:
            rows += found.first.to_pylist()
    return rows


def compared(path: Path, column: str) -> Any:
    """With the same rows in Parquet."""
    reference = written(path.parent, "reference.parquet", column)
    found = drift(reference, path, event_time="departed_at", kinds={column: COLUMNS[column][0].value})
    return [(each.feature, each.psi, each.missing_share) for each in found.features]


def inferred(path: Path, column: str) -> Any:
    """Without a declaration, as `init` has it: which features of which kind, and what they hold."""
    raw = read_raw_rows(path, infer_kinds=True)
    columns = Columns(label="late", event_time="departed_at", key="trip_id")
    found = infer_model(raw, columns, name="trips", latency=timedelta(days=1), metric=None)
    values = raw.table[column]
    if pa.types.is_timestamp(values.type):
        values = pc.cast(values, pa.timestamp("us"))
    else:
        values = pc.cast(values, pa.string() if is_text(values.type) else pa.float64(), safe=False)
    return found.left_out, [feature.kind for feature in found.spec.features], values.to_pylist()


@pytest.mark.parametrize("read", [landed, replayed, backfilled, compared, inferred])
@pytest.mark.parametrize("column", COLUMNS)
def test_a_value_has_the_same_fate_in_every_format(
    tmp_path: Path, column: str, read: Callable[[Path, str], Any]
) -> None:
    expected = read(written(tmp_path, "rows.parquet", column), column)
    assert expected
    for name in FORMATS:
        assert read(written(tmp_path, name, column), column) == expected, name
