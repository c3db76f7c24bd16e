"""The decision log, outcomes and leases in DynamoDB."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from evertrain.adapters.aws.dynamodb import ITEM_ABSENT, Table, key, number, text
from evertrain.adapters.aws.item_keys import (
    DECISION,
    DECISION_BY_ID,
    HELD_DECISION,
    LEASE,
    OUTCOME,
    OUTCOME_OF_DECISION,
    QUIET_DECISION,
    model_partition,
    named_document,
    time_ordered_key,
)
from evertrain.adapters.documents import dump, load, load_readable
from evertrain.domain.deciding.decisions import Action, Decision, Reason, RecordedDecision
from evertrain.domain.training.outcomes import Outcome
from evertrain.ports.decisions import LeaseHeld, LeaseHolder

_LEASE_IS_FREE = f"{ITEM_ABSENT} OR expires_at <= :now OR decision_id = :decision"


class DynamoDBDecisionLog:
    """`wall_clock` returns epoch seconds. Leases concern running processes, so they use real time in replays too."""

    def __init__(self, *, table: Table, wall_clock: Callable[[], float]) -> None:
        self._table = table
        self._real_time = wall_clock

    def find(self, model: str, decision_id: str) -> RecordedDecision | None:
        item = self._table.get(model_partition(model), f"{DECISION_BY_ID}{decision_id}")
        return load(RecordedDecision, item["document"]["S"]) if item else None

    def record(self, decision: RecordedDecision, *, lease: timedelta | None = None) -> bool:
        pk, document = model_partition(decision.model), {"document": text(dump(decision))}
        prefix = _prefix(decision.decision)
        writes = [
            self._table.put_request(key(pk, f"{DECISION_BY_ID}{decision.decision_id}") | document, ITEM_ABSENT),
            self._table.put_request(
                key(pk, time_ordered_key(prefix, decision.decided_at, decision.decision_id)) | document
            ),
        ]
        if lease is not None:
            writes.append(self._lease_write(decision, lease))
        refused = self._table.transact(*writes)
        if refused is None:
            return True
        if not refused[0]:
            raise LeaseHeld(f"a retraining of {decision.model} is running already")
        return False

    def decisions(self, model: str, *, limit: int, include_quiet: bool = False) -> Sequence[RecordedDecision]:
        prefixes = (DECISION, HELD_DECISION, *([QUIET_DECISION] if include_quiet else []))
        found = [entry for prefix in prefixes for entry in self._read(model, prefix, limit=limit)]
        return sorted(found, key=lambda entry: entry.decided_at, reverse=True)[:limit]

    def acts(self, model: str, *, limit: int) -> Sequence[RecordedDecision]:
        # Earlier releases kept holds under the same prefix.
        found = self._read(model, DECISION, limit=limit)
        return [entry for entry in found if entry.decision.action is not Action.HOLD]

    def _read(self, model: str, prefix: str, *, limit: int) -> Iterator[RecordedDecision]:
        items = self._table.query(model_partition(model), prefix, limit=limit)
        return load_readable(RecordedDecision, map(named_document, items))

    def record_outcome(self, outcome: Outcome) -> bool:
        pk, document = model_partition(outcome.model), {"document": text(dump(outcome))}
        refused = self._table.transact(
            self._table.put_request(key(pk, f"{OUTCOME_OF_DECISION}{outcome.decision_id}") | document, ITEM_ABSENT),
            self._table.put_request(
                key(pk, time_ordered_key(OUTCOME, outcome.ended_at, outcome.decision_id)) | document
            ),
        )
        return refused is None

    def outcome_of(self, model: str, decision_id: str) -> Outcome | None:
        item = self._table.get(model_partition(model), f"{OUTCOME_OF_DECISION}{decision_id}")
        return load(Outcome, item["document"]["S"]) if item else None

    def outcomes(self, model: str, *, limit: int) -> Sequence[Outcome]:
        items = self._table.query(model_partition(model), OUTCOME, limit=limit)
        return list(load_readable(Outcome, map(named_document, items)))

    def _lease_write(self, decision: RecordedDecision, lease: timedelta) -> dict[str, object]:
        now = self._real_time()
        item = key(model_partition(decision.model), LEASE) | {
            "decision_id": text(decision.decision_id),
            "execution": text(""),  # the execution that the decision starts takes it over
            "expires_at": number(now + lease.total_seconds()),
        }
        return self._table.put_request(item, _LEASE_IS_FREE, now=number(now), decision=text(decision.decision_id))


def _prefix(decision: Decision) -> str:
    if decision.action is not Action.HOLD:
        return DECISION
    return QUIET_DECISION if decision.reason is Reason.NOTHING_TO_DO else HELD_DECISION


class DynamoDBLeases:
    def __init__(self, *, table: Table, wall_clock: Callable[[], float]) -> None:
        self._table = table
        self._real_time = wall_clock

    def acquire(self, model: str, *, decision_id: str, execution: str, duration: timedelta) -> None:
        now = self._real_time()
        acquired = self._table.update(
            model_partition(model),
            LEASE,
            "SET decision_id = :decision, execution = :execution, expires_at = :expires",
            f"{ITEM_ABSENT} OR expires_at <= :now"
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
        self._table.delete(model_partition(model), LEASE, "decision_id = :decision", decision=text(decision_id))

    def is_held(self, model: str) -> bool:
        item = self._table.get(model_partition(model), LEASE)
        return item is not None and float(item["expires_at"]["N"]) > self._real_time()

    def holder(self, model: str) -> LeaseHolder | None:
        item = self._table.get(model_partition(model), LEASE)
        if item is None:
            return None
        return LeaseHolder(
            decision_id=item["decision_id"]["S"],
            execution=item["execution"]["S"],
            expires_in=timedelta(seconds=float(item["expires_at"]["N"]) - self._real_time()),
        )
