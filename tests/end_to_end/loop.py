"""What the end-to-end tests do to a stage: land days, ask for things, and wait for what comes of it."""

import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evertrain.adapters.aws.clients import client
from evertrain.adapters.stage import Stage
from evertrain.demo.flights import Flights, reported_at
from evertrain.demo.replay import Replay
from evertrain.domain.deciding.decisions import RecordedDecision
from evertrain.domain.landing.batches import Batch, Feed, FeedKind, Quarantine, TableState
from evertrain.domain.project.model import Project
from evertrain.domain.training.outcomes import Outcome
from evertrain.terminal.waiting import WaitedTooLong, wait_until
from evertrain.use_cases.deciding.decide_retraining import Cause
from tests.end_to_end.deployment import LARGE

T = TypeVar("T")
FEATURES = Feed(kind=FeedKind.FEATURES, name="flights")


@dataclass
class Loop:
    stage: Stage
    flights: Flights
    project: Project
    today: date = field(default=date(2013, 1, 1))
    patience: float = 60.0
    """Seconds to wait for anything, at least."""

    def go_through(self, days: Sequence[date]) -> None:
        """As the demo does: a batch a day, labels three days later, waiting for every retraining."""
        Replay(
            stage=self.stage,
            flights=self.flights,
            models=self.project.models_using("flights"),
            on_step=lambda step: None,
        ).run(days)
        self.today = days[-1]

    def next_day(self) -> date:
        self.today += timedelta(days=1)
        self.stage.set_replay_clock(reported_at(self.today))
        return self.today

    def large_object(self, day: date) -> tuple[bytes, pa.Table]:
        """A day's flights twenty times under other names, which is enough to be checked in parts; and its rows.

        Without compression or dictionaries, so that few rows are many bytes.
        """
        table = pq.read_table(io.BytesIO(self.flights.features(day)))
        names = pc.cast(table["flight_id"], pa.string())
        copies = [
            table.set_column(0, "flight_id", pc.binary_join_element_wise(names, str(copy), "-")) for copy in range(20)
        ]
        rows, body = pa.concat_tables(copies), io.BytesIO()
        pq.write_table(rows, body, row_group_size=4_000, compression="none", use_dictionary=False)
        assert len(body.getvalue()) > LARGE
        return body.getvalue(), rows

    def land(self, body: bytes, *, feed: Feed = FEATURES, name: str | None = None) -> Any:
        """Lands an object and waits for its fate."""
        self.stage.land(feed, name or f"{uuid4().hex}.parquet", body)
        return self.wait(lambda: self.stage.landing_result(feed, body), awaited=f"the fate of {name or 'an object'}")

    def land_anywhere(self, key: str, body: bytes) -> Quarantine:
        """An object outside every feed; waits until it was set aside."""
        client("s3").put_object(Bucket=self.stage.output("LandingBucket"), Key=key, Body=body)
        return self.wait(
            lambda: next((q for q in self.stage.batches.quarantines(limit=20) if q.source_key == key), None),
            awaited=f"the quarantine of {key}",
        )

    def committed(self, batch: Batch) -> TableState:
        """The state of the batch's table, once the batch is in it."""

        def ask() -> TableState | None:
            state = self.stage.tables.get(batch.feed)
            return state if state is not None and state.ingested_at_max >= batch.ingested_at else None

        return self.wait(ask, awaited=f"the commit of {batch.source_key}")

    def decision(self, model: str, cause: str) -> RecordedDecision:
        return self.wait(
            lambda: self.stage.decision_for(Cause(model=model, name=cause)), awaited=f"the decision on {cause}"
        )

    def outcome(self, decision: RecordedDecision) -> Outcome:
        return self.wait(lambda: self.stage.outcome_of(decision), awaited="the outcome", seconds=180)

    def invoke(self, function: str, payload: dict[str, Any]) -> tuple[Any, str]:
        """A step of the state machine by hand: its answer, and the error's name where it failed."""
        answered = client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload).encode())
        body = json.loads(answered["Payload"].read())
        return body, body.get("errorType", "") if "FunctionError" in answered else ""

    def function(self, part: str) -> str:
        """The full name of one of the stage's functions."""
        pages = client("lambda").get_paginator("list_functions").paginate()
        names = [f["FunctionName"] for page in pages for f in page["Functions"]]
        return next(name for name in names if name.startswith(f"evertrain-{self.stage.name}-") and part in name)

    def wait(self, ask: Callable[[], T | None], *, awaited: str, seconds: float = 0) -> T:
        seconds = max(seconds, self.patience)
        try:
            return wait_until(ask, seconds=seconds, awaited=awaited)
        except WaitedTooLong as waited:
            waited.add_note(self._last_log_lines(since=time.time() - seconds))
            raise

    def _last_log_lines(self, *, since: float) -> str:
        logs, lines = client("logs"), []
        for page in logs.get_paginator("describe_log_groups").paginate():
            for group in page["logGroups"]:
                found = logs.filter_log_events(logGroupName=group["logGroupName"], startTime=int(since * 1000))
                lines += [(event["timestamp"], group["logGroupName"], event["message"]) for event in found["events"]]
        return "\n".join(f"{moment} {group[-40:]} {message[:500]}" for moment, group, message in sorted(lines)[-200:])

    @property
    def now(self) -> datetime:
        return reported_at(self.today)
