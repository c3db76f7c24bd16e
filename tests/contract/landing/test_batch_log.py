"""Each batch is recorded once; lists come newest first; quarantines in a row are counted per feed."""

import zlib
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from evertrain.adapters.aws.dynamodb import Table, key, text
from evertrain.adapters.aws.item_keys import (
    QUARANTINE,
    REQUESTS,
    TIME,
    VERDICT,
    feed_partition,
    group_partition,
    model_partition,
)
from evertrain.adapters.landing.batch_log import DynamoDBBatchLog
from evertrain.adapters.memory.batches import InMemoryBatchLog
from evertrain.domain.landing.batches import FaultStanding
from evertrain.domain.monitoring.doubts import Acceptance
from evertrain.ports.batches import BatchLog
from tests.builders.batches import FEATURES, LABELS, PREDICTIONS, a_batch, a_quarantine
from tests.builders.models import A_DOUBT, NOW, a_verdict, days


@pytest.fixture(params=["memory", "dynamodb"])
def log(request: pytest.FixtureRequest) -> BatchLog:
    if request.param == "memory":
        return InMemoryBatchLog()
    return DynamoDBBatchLog(table=request.getfixturevalue("table"))


def test_the_first_record_of_a_batch_wins(log: BatchLog) -> None:
    assert log.find(FEATURES, "b1") is None
    assert log.record(a_batch("b1"), [])
    assert not log.record(replace(a_batch("b1"), rows=1), [a_verdict(days_ago=1)])
    assert log.find(FEATURES, "b1") == a_batch("b1")
    assert log.verdicts("trips", "trips", limit=5) == []


def test_a_batch_of_one_feed_is_not_a_batch_of_another(log: BatchLog) -> None:
    log.record(a_batch("b1"), [])
    assert log.find(LABELS, "b1") is None
    assert log.find(None, "b1") is None


def test_the_verdicts_of_a_batch_are_recorded_with_it(log: BatchLog) -> None:
    batch = a_batch("b1")
    mine = replace(a_verdict(days_ago=1), batch_id="b1")
    other = replace(mine, model="trip_length")
    log.record(batch, [mine, other])
    assert sorted(log.batch_verdicts(FEATURES, "b1"), key=lambda verdict: verdict.model) == [other, mine]
    assert log.verdicts("trips", "trips", limit=5) == [mine]
    assert log.batch_verdicts(FEATURES, "b2") == []


def test_verdicts_and_batches_come_newest_first_by_event_time_whenever_they_landed(log: BatchLog) -> None:
    for name, ago in (("b2", 2), ("b3", 1), ("b1", 3)):
        batch = a_batch(name, days_ago=ago)
        log.record(batch, [replace(a_verdict(days_ago=ago), batch_id=name)])
    assert [batch.batch_id for batch in log.batches(FEATURES, limit=10)] == ["b3", "b2", "b1"]
    assert [verdict.batch_id for verdict in log.verdicts("trips", "trips", limit=2)] == ["b3", "b2"]
    assert [batch.batch_id for batch in log.batches(FEATURES, limit=1)] == ["b3"]


@pytest.mark.parametrize("document", [b"", b"\x00", zlib.compress(b"{}")])
def test_a_verdict_that_cannot_be_read_hides_no_other(table: Table, document: bytes) -> None:
    log = DynamoDBBatchLog(table=table)
    verdict = replace(a_verdict(days_ago=1), batch_id="b1")
    log.record(a_batch("b1"), [verdict])
    for partition in (group_partition("trips", "trips"), model_partition("trips")):
        for prefix in (VERDICT, REQUESTS):
            item = key(partition, f"{prefix}9999#by-hand") | {"document": {"B": document}}
            table.transact(table.put_request(item))
    assert log.verdicts("trips", "trips", limit=5) == [verdict]
    assert log.request_verdicts("trips", limit=5) == []


def test_a_batch_or_a_quarantine_that_cannot_be_read_hides_no_other(table: Table) -> None:
    log = DynamoDBBatchLog(table=table)
    log.record(a_batch("b1"), [])
    log.record_quarantine(a_quarantine("b2"))
    for partition, kind in ((feed_partition(FEATURES), "batch"), (QUARANTINE, "quarantine")):
        pointed = key("elsewhere", kind)
        by_hand = pointed | {"kind": text(kind), "document": text("{}")}
        pointer = key(partition, f"{TIME}9999#by-hand") | {"of_pk": text("elsewhere"), "of_sk": text(kind)}
        table.transact(table.put_request(by_hand), table.put_request(pointer))
    assert log.batches(FEATURES, limit=5) == [a_batch("b1")]
    assert log.quarantines(limit=5) == [a_quarantine("b2")]


def test_batches_of_an_interval_are_those_that_begin_in_it(log: BatchLog) -> None:
    for ago in range(1, 6):
        log.record(a_batch(f"b{ago}", days_ago=ago), [])
    inside = log.batches(FEATURES, limit=10, since=NOW - days(4), before=NOW - days(2))
    assert [batch.batch_id for batch in inside] == ["b3", "b4"]
    assert [batch.batch_id for batch in log.batches(FEATURES, limit=1, before=NOW - days(2))] == ["b3"]
    assert log.batches(FEATURES, limit=10, since=NOW) == []


def test_a_verdict_on_a_day_of_requests_is_recorded_once_and_lies_apart_from_those_on_batches(log: BatchLog) -> None:
    newer, older = (replace(a_verdict(days_ago=ago), batch_id=f"requests-{ago}") for ago in (1, 2))
    assert log.record_request_verdict(newer, feed=PREDICTIONS)
    assert log.record_request_verdict(older, feed=PREDICTIONS)
    assert not log.record_request_verdict(replace(newer, rows=1), feed=PREDICTIONS)
    assert log.request_verdicts("trips", limit=5) == [newer, older]
    assert log.request_verdicts("trips", limit=1) == [newer]
    assert log.request_verdicts("boats", limit=5) == []
    assert log.verdicts("trips", "trips", limit=5) == []


def test_a_verdict_on_requests_is_published_once(log: BatchLog) -> None:
    verdict = replace(a_verdict(days_ago=1), batch_id="requests-1")
    log.record_request_verdict(verdict, feed=PREDICTIONS)
    assert not log.is_published(PREDICTIONS, "requests-1")
    log.mark_published(PREDICTIONS, "requests-1")
    assert log.is_published(PREDICTIONS, "requests-1")


def test_a_verdict_on_a_thousand_features_is_kept(log: BatchLog) -> None:
    verdict = replace(a_verdict(days_ago=1), batch_id="b1")
    feature = verdict.features[0]
    wide = replace(
        verdict, features=tuple(replace(feature, feature=f"a_feature_with_a_long_name_{i}") for i in range(1_000))
    )
    log.record(a_batch("b1"), [wide])
    assert log.verdicts("trips", "trips", limit=1) == [wide]


def test_two_batches_of_the_same_time_are_both_kept(log: BatchLog) -> None:
    log.record(a_batch("b1"), [replace(a_verdict(days_ago=1), batch_id="b1")])
    log.record(a_batch("b2"), [replace(a_verdict(days_ago=1), batch_id="b2")])
    assert len(log.batches(FEATURES, limit=5)) == len(log.verdicts("trips", "trips", limit=5)) == 2


def test_quarantines_in_a_row_are_counted_once_each_until_a_good_batch(log: BatchLog) -> None:
    assert log.consecutive_quarantines(FEATURES) == 0
    assert log.record_quarantine(a_quarantine("q1"))
    assert not log.record_quarantine(a_quarantine("q1"))
    assert log.record_quarantine(a_quarantine("q2"))
    assert log.consecutive_quarantines(FEATURES) == 2
    assert log.consecutive_quarantines(LABELS) == 0
    log.record(a_batch("b1"), [])
    assert log.consecutive_quarantines(FEATURES) == 0


def test_a_batch_that_was_recorded_before_does_not_end_a_row_of_quarantines(log: BatchLog) -> None:
    log.record(a_batch("b1"), [])
    log.record_quarantine(a_quarantine("q1"))
    log.record(a_batch("b1"), [])
    assert log.consecutive_quarantines(FEATURES) == 1


def test_quarantines_of_all_feeds_are_listed_newest_first(log: BatchLog) -> None:
    log.record_quarantine(a_quarantine("q1", at=NOW - days(2)))
    log.record_quarantine(a_quarantine("q2", feed=None, at=NOW))
    log.record_quarantine(a_quarantine("q3", feed=LABELS, at=NOW - days(1)))
    assert [quarantine.batch_id for quarantine in log.quarantines(limit=9)] == ["q2", "q3", "q1"]
    assert log.find(None, "q2") == a_quarantine("q2", feed=None)


def test_objects_of_no_feed_count_for_none(table: Table) -> None:
    assert DynamoDBBatchLog(table=table).record_quarantine(a_quarantine("q1", feed=None))
    assert table.get("feed#unknown", "state") is None


def test_more_verdicts_than_a_transaction_takes_are_refused_with_their_batch(table: Table) -> None:
    log = DynamoDBBatchLog(table=table)
    verdicts = [replace(a_verdict(days_ago=1), model=f"m{each}", batch_id="b1") for each in range(98)]
    with pytest.raises(ClientError, match="less than or equal to 100"):
        log.record(a_batch("b1"), verdicts)
    assert log.find(FEATURES, "b1") is None
    assert log.record(a_batch("b1"), verdicts[:97])
    assert len(log.batch_verdicts(FEATURES, "b1")) == 97


def test_a_batch_is_published_when_it_is_marked(log: BatchLog) -> None:
    log.record(a_batch("b1"), [])
    log.record_quarantine(a_quarantine("q1", feed=None))
    assert not log.is_published(FEATURES, "b1")
    log.mark_published(FEATURES, "b1")
    log.mark_published(None, "q1")
    assert log.is_published(FEATURES, "b1")
    assert log.is_published(None, "q1")


def test_a_batch_is_committed_when_it_is_marked(log: BatchLog) -> None:
    log.record(a_batch("b1"), [])
    assert not log.is_committed(FEATURES, "b1")
    log.mark_committed(FEATURES, "b1")
    assert log.is_committed(FEATURES, "b1")
    assert log.find(FEATURES, "b1") == a_batch("b1")


def test_marking_what_was_never_recorded_records_nothing(log: BatchLog) -> None:
    log.mark_published(FEATURES, "b1")
    log.mark_committed(FEATURES, "b1")
    assert log.find(FEATURES, "b1") is None
    assert not log.is_published(FEATURES, "b1")
    assert not log.is_committed(FEATURES, "b1")


def test_a_released_batch_is_found_no_more_and_may_be_recorded(log: BatchLog) -> None:
    quarantine = a_quarantine("b1")
    log.record_quarantine(quarantine)
    log.mark_published(FEATURES, "b1")
    assert not log.is_released(FEATURES, "b1")
    assert log.release(quarantine)
    assert log.is_released(FEATURES, "b1")
    assert log.find(FEATURES, "b1") is None
    assert log.quarantines(limit=5) == [quarantine]
    assert log.record(a_batch("b1"), [])
    assert log.find(FEATURES, "b1") == a_batch("b1")
    assert not log.is_released(FEATURES, "b1")
    assert not log.is_published(FEATURES, "b1")
    assert not log.release(quarantine)
    assert log.quarantines(limit=5) == []


def test_what_is_not_in_quarantine_cannot_be_released(log: BatchLog) -> None:
    assert not log.release(a_quarantine("b9"))
    assert not log.is_released(FEATURES, "b9")
    log.record(a_batch("b1"), [])
    assert not log.release(a_quarantine("b1"))
    assert log.find(FEATURES, "b1") == a_batch("b1")


def test_verdicts_with_doubtful_or_settled_faults_are_listed_by_themselves_newest_first(log: BatchLog) -> None:
    settled = replace(A_DOUBT, standing=FaultStanding.SETTLED)
    certain = replace(A_DOUBT, standing=FaultStanding.CERTAIN)
    for ago, faults in ((1, (settled,)), (2, ()), (3, (certain, A_DOUBT)), (4, (certain,))):
        name = f"b{ago}"
        verdict = replace(a_verdict(days_ago=ago), batch_id=name, faults=faults)
        log.record(a_batch(name, days_ago=ago), [verdict, replace(verdict, model="trip_length", faults=())])
    assert [verdict.batch_id for verdict in log.flagged("trips", "trips")] == ["b1", "b3"]
    assert log.flagged("trip_length", "trips") == []


def test_a_person_s_word_is_kept_once_for_each_fault_of_a_feed(log: BatchLog) -> None:
    word = Acceptance(
        feed=FEATURES, batch_id="b1", code="constant", column="wind", event_time_max=NOW - days(1), accepted_at=NOW
    )
    later = replace(word, batch_id="b2", event_time_max=NOW)
    other = replace(word, column="distance")
    for each in (word, word, other, later):
        log.accept(each)
    assert sorted(log.acceptances(FEATURES), key=lambda each: each.column) == [other, later]
    assert log.acceptances(LABELS) == []
