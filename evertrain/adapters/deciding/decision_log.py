"""The decision log, outcomes and leases in DynamoDB. Layout: docs/architecture.md."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from evertrain.adapters.aws.dynamodb import ABSENT, Table, key, number, sortable, text
from evertrain.adapters.documents import dump, load
from evertrain.domain.decisions import Reason, RecordedDecision
from evertrain.domain.outcomes import Outcome
from evertrain.ports.decisions import LeaseHeld

_LEASE = "lease"
_FREE = "attribute_not_exists(pk) OR expires_at <= :now OR decision_id = :decision"


class DynamoDBDecisionLog:
    """`real_time` answers epoch seconds: a lease is about processes, also where history is replayed."""

    def __init__(self, *, table: Table, real_time: Callable[[], float]) -> None:
        self._table = table
        self._real_time = real_time

    def find(self, model: str, decision_id: str) -> RecordedDecision | None:
        item = self._table.get(_model_key(model), f"id#{decision_id}")
        return load(RecordedDecision, item["document"]["S"]) if item else None

    def record(self, decision: RecordedDecision, *, lease: timedelta | None = None) -> bool:
        pk, document = _model_key(decision.model), {"document": text(dump(decision))}
        quiet = decision.decision.reason is Reason.NOTHING_TO_DO
        kind = "quiet" if quiet else "decision"
        writes = [
            self._table.put_of(key(pk, f"id#{decision.decision_id}") | document, ABSENT),
            self._table.put_of(key(pk, f"{kind}#{sortable(decision.decided_at)}#{decision.decision_id}") | document),
        ]
        if lease is not None:
            writes.append(self._lease_write(decision, lease))
        refused = self._table.transact(*writes)
        if refused is None:
            return True
        if not refused[0]:
            raise LeaseHeld(f"a retraining of {decision.model} is running already")
        return False

    def decisions(self, model: str, *, limit: int, with_quiet: bool = False) -> Sequence[RecordedDecision]:
        kinds = ("decision", "quiet") if with_quiet else ("decision",)
        found = [
            load(RecordedDecision, item["document"]["S"])
            for kind in kinds
            for item in self._table.query(_model_key(model), f"{kind}#", limit=limit)
        ]
        return sorted(found, key=lambda entry: entry.decided_at, reverse=True)[:limit]

    def record_outcome(self, outcome: Outcome) -> bool:
        pk, document = _model_key(outcome.model), {"document": text(dump(outcome))}
        refused = self._table.transact(
            self._table.put_of(key(pk, f"outcome-of#{outcome.decision_id}") | document, ABSENT),
            self._table.put_of(key(pk, f"outcome#{sortable(outcome.ended_at)}#{outcome.decision_id}") | document),
        )
        return refused is None

    def outcome_of(self, model: str, decision_id: str) -> Outcome | None:
        item = self._table.get(_model_key(model), f"outcome-of#{decision_id}")
        return load(Outcome, item["document"]["S"]) if item else None

    def outcomes(self, model: str, *, limit: int) -> Sequence[Outcome]:
        found = self._table.query(_model_key(model), "outcome#", limit=limit)
        return [load(Outcome, item["document"]["S"]) for item in found]

    def _lease_write(self, decision: RecordedDecision, lease: timedelta) -> dict[str, object]:
        now = self._real_time()
        item = key(_model_key(decision.model), _LEASE) | {
            "decision_id": text(decision.decision_id),
            "execution": text(""),  # the execution that the decision starts takes it over
            "expires_at": number(now + lease.total_seconds()),
        }
        return self._table.put_of(item, _FREE, now=number(now), decision=text(decision.decision_id))


class DynamoDBLeases:
    def __init__(self, *, table: Table, real_time: Callable[[], float]) -> None:
        self._table = table
        self._real_time = real_time

    def acquire(self, model: str, *, decision_id: str, execution: str, duration: timedelta) -> None:
        now = self._real_time()
        acquired = self._table.update(
            _model_key(model),
            _LEASE,
            "SET decision_id = :decision, execution = :execution, expires_at = :expires",
            "attribute_not_exists(pk) OR expires_at <= :now"
            " OR (decision_id = :decision AND execution IN (:nobody, :execution))",
            decision=text(decision_id),
            execution=text(execution),
            nobody=text(""),
            expires=number(now + duration.total_seconds()),
            now=number(now),
        )
        if not acquired:
            raise LeaseHeld(
                f"another retraining of {model} is running, or another execution of decision {decision_id}"
            )

    def release(self, model: str, *, decision_id: str) -> None:
        self._table.delete(_model_key(model), _LEASE, "decision_id = :decision", decision=text(decision_id))

    def is_held(self, model: str) -> bool:
        item = self._table.get(_model_key(model), _LEASE)
        return item is not None and float(item["expires_at"]["N"]) > self._real_time()


def _model_key(model: str) -> str:
    return f"model#{model}"
