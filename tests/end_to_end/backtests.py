"""What a stage decided while days of flights were landed, beside what a backtest decides on the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from evertrain.adapters.stage import Stage
from evertrain.demo.flights import Flights, reported_at
from evertrain.demo.replay import LABEL_DELAY
from evertrain.replay.defaults import Columns
from evertrain.replay.policies import DECLARED, replay
from evertrain.replay.run import Request, prepare
from localcloud.launcher import REPOSITORY

CAUSES = ("labels", "drift", "quarantine")
"""Of what lands. The stage's own schedule ticks in real time, and decides nothing else than these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One line of a log. `outcome`: of a retraining."""

    at: datetime
    cause: str
    action: str
    reason: str
    outcome: str


def decided_by_stage(stage: Stage, model: str, *, until: datetime) -> list[Decided]:
    recorded = stage.decisions.decisions(model, limit=10_000, include_quiet=True)
    found = []
    for each in reversed(recorded):
        cause, outcome = each.cause.partition(":")[0], stage.outcome_of(each)
        if cause in CAUSES and each.decided_at <= until:
            found.append(
                Decided(
                    at=each.decided_at,
                    cause=cause,
                    action=each.decision.action.value,
                    reason=each.decision.reason.value,
                    outcome="" if outcome is None else outcome.name.value,
                )
            )
    return sorted(found, key=lambda each: (each.at, CAUSES.index(each.cause)))


def decided_by_backtest(
    flights: Flights, days: Sequence[date], *, model: str, label: str, folder: Path
) -> list[Decided]:
    """The days' files cut by their time of arrival, each label known when its file landed."""
    rows = flights.table[flights.table["day"].isin(days)].copy()
    rows["reported_at"] = [reported_at(day) + LABEL_DELAY for day in rows["day"]]
    path = folder / f"{model}.parquet"
    rows.drop(columns="day").to_parquet(path, index=False)
    request = Request(
        rows=path,
        model=model,
        project=REPOSITORY,
        estimator=None,
        columns=Columns(label=label, label_time="reported_at"),
        metric=None,
        latency=None,
        batch=timedelta(days=1),
        offset=timedelta(hours=reported_at(days[0]).hour),
        start=None,
        seed=0,
    )
    prepared = prepare(request)
    result = replay(
        prepared.history,
        DECLARED,
        make_estimator=prepared.make_estimator,
        seed=0,
        start=0,
        on_step=lambda _: None,
    )
    return [
        Decided(at=each.at, cause=each.cause, action=each.action, reason=each.reason, outcome=each.outcome)
        for each in result.decisions
        if each.cause in CAUSES
    ]
