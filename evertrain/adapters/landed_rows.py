"""Landed Parquet or CSV bytes as valid, normalised rows: everything that is wrong is found before anything is kept.

Parquet is taken by its types. CSV has a header, UTF-8, ISO 8601 times, true/false, and empty for missing; both may be
gzip-compressed. Times without a zone are UTC. Columns that the feed does not declare are left out.
"""

import gzip
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from evertrain.adapters.column_checks import Checked, Checker
from evertrain.adapters.feeds import EVENT_TIME, PLAIN_TIMESTAMP, FeedSchema, schema_of
from evertrain.domain.batches import Fault, Feed
from evertrain.domain.model_spec import Project
from evertrain.ports.batch_reader import BatchRejected
from evertrain.use_cases.arrow_columns import as_column

_INGESTED_AT = b"ingested_at"


@dataclass(frozen=True)
class LandedRows:
    """Implements `ports.batch_reader.Rows`. `table`: key, `event_time`, then the feed's columns."""

    table: pa.Table
    schema: FeedSchema

    @property
    def count(self) -> int:
        return int(self.table.num_rows)

    @property
    def event_times(self) -> tuple[datetime, datetime]:
        both = pc.min_max(pc.cast(self.table[EVENT_TIME], PLAIN_TIMESTAMP))
        return both["min"].as_py().replace(tzinfo=UTC), both["max"].as_py().replace(tzinfo=UTC)

    def columns(self, names: Sequence[str]) -> Mapping[str, Any]:
        return {name: as_column(self.table[name]) for name in names}

    def to_parquet(self, *, ingested_at: datetime) -> bytes:
        stamps = pa.array([ingested_at] * self.count, self.schema.stored.field(_INGESTED_AT.decode()).type)
        table = self.table.append_column(_INGESTED_AT.decode(), stamps).select(self.schema.stored.names)
        table = table.cast(self.schema.stored).replace_schema_metadata({_INGESTED_AT: ingested_at.isoformat()})
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd")
        return sink.getvalue()


@dataclass(frozen=True, kw_only=True)
class LandedRowsReader:
    project: Project

    def read(self, body: bytes, *, name: str, feed: Feed, now: datetime) -> LandedRows:
        """Raises BatchRejected with every fault."""
        schema = schema_of(feed, self.project)
        raw, is_text = _parse(body, name)
        if raw.num_rows == 0:
            raise BatchRejected([Fault(code="no_rows", message=f"{name} has no rows")])
        checker = Checker(schema=schema, is_text=is_text, now=now)
        checked: Checked = checker.check(raw)
        if checked.faults:
            raise BatchRejected(checked.faults)
        table = pa.table(checked.columns)
        return LandedRows(table=table.sort_by([(EVENT_TIME, "ascending"), (schema.key, "ascending")]), schema=schema)

    def ingested_at(self, stored: bytes) -> datetime:
        metadata = pq.read_schema(io.BytesIO(stored)).metadata
        return datetime.fromisoformat(metadata[_INGESTED_AT].decode()).astimezone(UTC)


def _parse(body: bytes, name: str) -> tuple[pa.Table, bool]:
    """The table, and whether its cells are text that is still to be read."""
    try:
        if body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        if body[:4] == b"PAR1":
            table = pq.read_table(io.BytesIO(body))
            table.validate(full=True)  # Parquet is not checked on reading: text may be no UTF-8
            return table, False
        if not name.removesuffix(".gz").endswith(".csv"):
            raise pa.ArrowInvalid("it is no Parquet file, and its name does not end in .csv")
        return _parse_csv(body), True
    except (pa.ArrowException, OSError, EOFError, zlib.error, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BatchRejected([Fault(code="unparsable", message=f"{name} cannot be read: {reason}")]) from error


def _parse_csv(body: bytes) -> pa.Table:
    # All cells as text: whether "12" is a number or a key is the feed's to say, not a guess of the first rows.
    names = pc_csv.open_csv(io.BytesIO(body)).schema.names
    convert = pc_csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        strings_can_be_null=True,
        null_values=["", "null", "NULL", "NaN"],
    )
    return pc_csv.read_csv(io.BytesIO(body), convert_options=convert)
