"""Gathers what the report shows: reads the stage, and scores champions on labels that came later."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from evertrain.adapters.stage import Stage
from evertrain.demo.flights import Flights
from evertrain.demo.report import MetricPoint, ModelStory, PromotionGain
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.release.registry import Champion
from evertrain.scoring import ServableModel
from evertrain.sklearn_tier.reading import read_model
from evertrain.statistics.metrics import declared_metric, metric_value

_WEEK = timedelta(days=7)
_ROWS_PER_WEEK = 2_000
"""Enough for a metric to two digits; the artifacts predict row by row."""


def tell_story(stage: Stage, flights: Flights, spec: ModelSpec, days: Sequence[date], *, now: datetime) -> ModelStory:
    champions = tuple(reversed(stage.registry.history(spec.name)))
    return ModelStory(
        spec=spec,
        verdicts=sorted(
            stage.batches.verdicts(spec.name, spec.group.name, limit=1000), key=lambda verdict: verdict.event_time_min
        ),
        decisions=tuple(reversed(stage.decisions.decisions(spec.name, limit=1000))),
        versions=tuple(reversed(stage.registry.versions(spec.name))),
        champions=champions,
        metric=_metric_by_week(stage, flights, spec, champions, days),
        performances=tuple(stage.performance.performance(spec.name, champion.version) for champion in champions),
        gains=tuple(_gains(stage, flights, spec, champions, until=now)),
        ended_at=now,
    )


def _metric_by_week(
    stage: Stage, flights: Flights, spec: ModelSpec, champions: Sequence[Champion], days: Sequence[date]
) -> list[MetricPoint]:
    """For each whole week since the first champion: the champion at its beginning, against the first one."""
    if not champions:
        return []
    models = {champion.version: _load_model(stage, champion) for champion in champions}
    first = champions[0]
    points = []
    start = first.since.date() + timedelta(days=1)
    weeks = range((days[-1] - start).days // 7 + 1)
    for begin, end in pairwise(start + week * _WEEK for week in weeks):
        rows = _sample(flights, spec, begin, end)
        since = datetime(begin.year, begin.month, begin.day, tzinfo=UTC)
        answering = max(
            (c for c in champions if c.since <= since), key=lambda champion: champion.since, default=first
        )
        values = {version: _score(models[version], rows, spec) for version in {first.version, answering.version}}
        points.append(
            MetricPoint(
                start=begin,
                rows=len(rows),
                champion=values[answering.version],
                first_champion=values[first.version],
            )
        )
    return points


def _gains(
    stage: Stage, flights: Flights, spec: ModelSpec, champions: Sequence[Champion], *, until: datetime
) -> Iterator[PromotionGain]:
    """Of every promotion but the first, on the flights of the whole days while it was champion."""
    ends = [*(champion.since for champion in champions[1:]), until]
    for (before, after), end in zip(pairwise(champions), ends[1:], strict=True):
        begin, last = after.since.date() + timedelta(days=1), end.date()
        rows = _sample(flights, spec, begin, last)
        if rows[spec.label.name].nunique() < 2:
            continue
        old, new = (_score(_load_model(stage, each), rows, spec) for each in (before, after))
        yield PromotionGain(
            version=after.version,
            predecessor=before.version,
            since=after.since,
            until=end,
            rows=len(rows),
            metric=new,
            predecessor_metric=old,
        )


def _load_model(stage: Stage, champion: Champion) -> ServableModel:
    data = stage.artifacts.get(champion.artifact_uri, expected_sha256=champion.artifact_sha256)
    return read_model(data, root=Path())


def _sample(flights: Flights, spec: ModelSpec, begin: date, end: date) -> pd.DataFrame:
    table = flights.table
    rows = table[(table["day"] >= begin) & (table["day"] < end)].dropna(subset=[spec.label.name])
    return rows.sample(min(len(rows), _ROWS_PER_WEEK), random_state=0)


def _score(model: ServableModel, rows: pd.DataFrame, spec: ModelSpec) -> float:
    predictions = model.predict(to_json_rows(rows, spec))
    truth = rows[spec.label.name].to_numpy(dtype=float)
    return metric_value(declared_metric(spec.metric), truth, np.asarray(predictions))


def to_json_rows(rows: pd.DataFrame, spec: ModelSpec) -> list[dict[str, object]]:
    """Rows as a caller of the endpoint sends them: None for what is missing, booleans as booleans."""
    plain = rows[list(spec.feature_names)].astype(object)
    missing = plain.isna()
    numbers = {column.name for column in spec.features if column.kind is FeatureKind.NUMERIC}
    return [
        {
            str(name): None if is_missing else float(value) if name in numbers else value
            for (name, value), is_missing in zip(row.items(), absent, strict=True)
        }
        for row, absent in zip(plain.to_dict("records"), missing.to_numpy(), strict=True)
    ]
