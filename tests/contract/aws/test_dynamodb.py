"""What the DynamoDB adapters share: limited reads, and writes that meet another's transaction."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from evertrain.adapters.aws.dynamodb import ITEM_ABSENT, Table, key
from evertrain.adapters.deciding.decision_log import DynamoDBLeases
from evertrain.adapters.landing.batch_log import DynamoDBBatchLog
from evertrain.adapters.release.registry import DynamoDBModelRegistry
from evertrain.domain.release.registry import RegistryConflict, VersionStatus
from evertrain.ports.decisions import LeaseHeld
from tests.builders.batches import FEATURES, a_batch
from tests.builders.models import days
from tests.builders.registry import a_version, champion_of

ALWAYS = 99


class Contested:
    """A table whose next writes meet another transaction. `meanwhile` happens while the adapter waits."""

    def __init__(self, aws: boto3.Session, *, times: int = 1, reason: str = "TransactionConflict") -> None:
        client: Any = aws.client("dynamodb")
        self.pauses: list[float] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self.table = Table(client=client, name="table", pause=self._pause)
        self._left = times
        self._reason = reason
        for operation in ("TransactWriteItems", "UpdateItem", "DeleteItem"):
            client.meta.events.register(f"before-call.dynamodb.{operation}", self._answer)

    def _pause(self, longest: float) -> None:
        self.pauses.append(longest)
        self.meanwhile()

    def _answer(self, model: Any, **_: Any) -> tuple[SimpleNamespace, dict[str, Any]] | None:
        if not self._left:
            return None
        self._left -= 1
        error: dict[str, Any] = {"Error": {"Code": "TransactionConflictException", "Message": "ongoing"}}
        if model.name == "TransactWriteItems":
            error = {
                "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
                "CancellationReasons": [{"Code": "None"}, {"Code": self._reason}],
            }
        return SimpleNamespace(status_code=400), error | {"ResponseMetadata": {}}


def test_a_limited_query_reads_no_more_than_it_returns(table: Table, aws: boto3.Session) -> None:
    client, asked = aws.client("dynamodb"), []
    client.meta.events.register(
        "provide-client-params.dynamodb.Query", lambda params, **_: asked.append(params.get("Limit"))
    )
    for each in "abc":
        table.transact(table.put_request(key("p", f"s#{each}")))
    reader = Table(client=client, name="table")
    assert [item["sk"]["S"] for item in reader.query("p", "s#", limit=2)] == ["s#c", "s#b"]
    assert [item["sk"]["S"] for item in reader.query("p", "s#")] == ["s#c", "s#b", "s#a"]
    assert asked == [2, None]


def test_a_transaction_that_met_another_is_tried_again(table: Table, aws: boto3.Session) -> None:
    contested = Contested(aws, times=2)
    assert DynamoDBBatchLog(table=contested.table).record(a_batch(), [])
    assert DynamoDBBatchLog(table=table).find(FEATURES, "b1") == a_batch()
    assert len(contested.pauses) == 2
    assert contested.pauses == sorted(set(contested.pauses))


def test_a_single_write_that_met_a_transaction_is_tried_again(table: Table, aws: boto3.Session) -> None:
    table.transact(table.put_request(key("p", "s")))
    assert Contested(aws).table.delete("p", "s", "attribute_exists(pk)")
    assert table.get("p", "s") is None
    assert Contested(aws).table.update("p", "s", "SET n = :n", n={"N": "1"})
    assert table.get("p", "s") == key("p", "s") | {"n": {"N": "1"}}


def test_a_write_that_always_meets_another_is_an_error_in_the_end(table: Table, aws: boto3.Session) -> None:
    contested = Contested(aws, times=ALWAYS)
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        contested.table.transact(contested.table.put_request(key("p", "s"), ITEM_ABSENT))
    assert len(contested.pauses) > 3
    assert table.get("p", "s") is None


def test_a_transaction_cancelled_for_another_reason_is_an_error_at_once(table: Table, aws: boto3.Session) -> None:
    contested = Contested(aws, reason="ValidationError")
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        contested.table.transact(contested.table.put_request(key("p", "s"), ITEM_ABSENT))
    assert contested.pauses == []


def test_of_two_who_record_the_same_batch_one_has_recorded_it(table: Table, aws: boto3.Session) -> None:
    contested = Contested(aws)
    contested.meanwhile = lambda: DynamoDBBatchLog(table=table).record(a_batch(), [])
    assert not DynamoDBBatchLog(table=contested.table).record(a_batch(), [])


def test_of_two_promotions_against_the_same_champion_one_changes_it(table: Table, aws: boto3.Session) -> None:
    registry, contested = DynamoDBModelRegistry(table=table), Contested(aws)
    for name in ("v1", "v2", "v3"):
        registry.register(a_version(name))
    registry.promote(champion_of("v1"), expected_champion=None)
    contested.meanwhile = lambda: registry.promote(champion_of("v2"), expected_champion="v1")
    with pytest.raises(RegistryConflict, match="is v2"):
        DynamoDBModelRegistry(table=contested.table).promote(champion_of("v3"), expected_champion="v1")
    statuses = {version.version: version.status for version in registry.versions("trips")}
    assert statuses == {
        "v1": VersionStatus.RETIRED,
        "v2": VersionStatus.CHAMPION,
        "v3": VersionStatus.REGISTERED,
    }


def test_of_two_executions_that_reach_for_the_lease_one_has_it(table: Table, aws: boto3.Session) -> None:
    def leases(of: Table) -> DynamoDBLeases:
        return DynamoDBLeases(table=of, wall_clock=lambda: 0.0)

    contested = Contested(aws)
    contested.meanwhile = lambda: leases(table).acquire("trips", decision_id="d2", execution="e2", duration=days(1))
    with pytest.raises(LeaseHeld, match="trips"):
        leases(contested.table).acquire("trips", decision_id="d1", execution="e1", duration=days(1))
