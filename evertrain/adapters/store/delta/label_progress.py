"""Counts of labels beside rows, asked of Delta tables in SQL. Needs no pyarrow."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deltalake import DeltaTable, QueryBuilder

from evertrain.adapters.store.delta.log import open_table
from evertrain.domain.landing.batches import Feed, FeedKind
from evertrain.domain.landing.predictions import EXPLORED
from evertrain.domain.store.labels import LabelledDay, LabelProgress

_MATCHED_ROWS = """
WITH rows AS (
    SELECT DISTINCT {key} AS key, event_time, FALSE AS explored FROM features
    WHERE event_time >= {since} AND event_time < {now} AND ingested_at <= {now}
), labelled AS (
    SELECT {key} AS key, event_time, MIN(ingested_at) AS known_at FROM labels
    WHERE {label} IS NOT NULL AND event_time >= {since} AND event_time < {now} AND ingested_at <= {now}
    GROUP BY 1, 2
), matched AS (
    SELECT rows.event_time, rows.explored, labelled.known_at, rows.key IS NOT NULL AS there, FALSE AS premature
    FROM rows FULL JOIN labelled ON rows.key = labelled.key AND rows.event_time = labelled.event_time
)
"""

_MATCHED_PREDICTIONS = """
WITH rows AS (
    SELECT {key} AS key, MIN(event_time) AS event_time, {explored} AS explored FROM features
    WHERE event_time >= {long_since} AND event_time < {now} AND ingested_at <= {now}
    GROUP BY 1
), labelled AS (
    SELECT {key} AS key, MAX(event_time) AS observed_at, MIN(ingested_at) AS known_at FROM labels
    WHERE {label} IS NOT NULL AND event_time >= {since} AND ingested_at <= {now}
    GROUP BY 1
), matched AS (
    SELECT rows.event_time, rows.explored, rows.key IS NOT NULL AS there,
        labelled.observed_at < rows.event_time AS premature,
        CASE WHEN labelled.observed_at < rows.event_time THEN NULL ELSE labelled.known_at END AS known_at
    FROM rows FULL JOIN labelled ON rows.key = labelled.key
    WHERE rows.key IS NULL OR rows.event_time >= {since}
)
"""

_BY_DAY = """
SELECT CAST(FLOOR(EXTRACT(EPOCH FROM event_time) / 86400) AS BIGINT) AS day,
    COUNT(*) AS count, COUNT(known_at) AS labelled
FROM matched WHERE there GROUP BY 1 ORDER BY 1
"""

_LATENCY = """
SELECT {quantiles} FROM (
    SELECT CAST(EXTRACT(EPOCH FROM known_at) AS DOUBLE) - CAST(EXTRACT(EPOCH FROM event_time) AS DOUBLE) AS late
    FROM matched WHERE there AND known_at IS NOT NULL AND event_time < {matured}
)
"""

_EXPLORED = """
SELECT COUNT(*) AS count, COUNT(known_at) AS labelled
FROM matched WHERE there AND explored AND event_time < {matured}
"""

_UNMATCHED_LABELS = """
SELECT COUNT(CASE WHEN NOT there THEN 1 END) AS unmatched, COUNT(CASE WHEN premature THEN 1 END) AS premature
FROM matched
"""


@dataclass(frozen=True, kw_only=True)
class DeltaLabelProgressReader:
    """Implements `ports.feature_store.LabelProgressReader`. `root`: as of the writer."""

    root: str

    def measure(
        self,
        features: Feed,
        labels: Feed,
        *,
        key: str,
        label: str,
        since: datetime,
        matured_before: datetime,
        now: datetime,
        quantiles: Sequence[float],
    ) -> LabelProgress | None:
        tables = {"features": open_table(self.root, features), "labels": open_table(self.root, labels)}
        there = {name: table for name, table in tables.items() if table is not None}
        if len(there) < len(tables):
            return None
        names = {
            "key": _quote_identifier(key),
            "label": _quote_identifier(label),
            "since": _timestamp_literal(since),
            # A label may be of a prediction from before.
            "long_since": _timestamp_literal(since - (now - since)),
            "now": _timestamp_literal(now),
            "matured": _timestamp_literal(matured_before),
            "explored": _is_explored(there["features"]),
            "quantiles": ", ".join(
                f"APPROX_PERCENTILE_CONT(late, {each}) AS q{i}" for i, each in enumerate(quantiles)
            ),
        }
        matched = _MATCHED_PREDICTIONS if labels.kind is FeedKind.PREDICTION_LABELS else _MATCHED_ROWS
        days = _query(there, (matched + _BY_DAY).format(**names))
        (late,) = _query(there, (matched + _LATENCY).format(**names))
        (explored,) = _query(there, (matched + _EXPLORED).format(**names))
        (astray,) = _query(there, (matched + _UNMATCHED_LABELS).format(**names))
        return LabelProgress(
            measured_at=now,
            days=tuple(
                LabelledDay(
                    day=datetime.fromtimestamp(day["day"] * 86_400, tz=UTC),
                    rows=day["count"],
                    labelled=day["labelled"],
                )
                for day in days
            ),
            latency=tuple(
                (each, timedelta(seconds=float(seconds)))
                for each, seconds in zip(quantiles, late.values(), strict=True)
                if seconds is not None
            ),
            unmatched=astray["unmatched"],
            premature=astray["premature"],
            explored=explored["count"],
            explored_labelled=explored["labelled"],
        )


def _is_explored(table: DeltaTable) -> str:
    """Tables from before there was exploration have no such column."""
    known = {field.name for field in table.schema().fields}
    return f"COALESCE(BOOL_OR({EXPLORED}), FALSE)" if EXPLORED in known else "FALSE"


def _query(tables: dict[str, DeltaTable], query: str) -> list[dict[str, Any]]:
    builder = QueryBuilder()
    for name, table in tables.items():
        builder = builder.register(name, table)
    answer = builder.execute(query).read_all()
    columns = {name: answer.column(name).to_pylist() for name in answer.schema.names}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _quote_identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _timestamp_literal(moment: datetime) -> str:
    return f"TIMESTAMP '{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z'"
