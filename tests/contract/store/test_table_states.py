"""A table's state only goes forward."""

import pytest

from evertrain.adapters.landing.batch_log import DynamoDBBatchLog
from evertrain.adapters.memory.batches import InMemoryTableStates
from evertrain.adapters.store.table_states import DynamoDBTableStates
from evertrain.ports.feature_store import TableStates
from tests.builders.batches import FEATURES, LABELS, a_quarantine, a_table_state


@pytest.fixture(params=["memory", "dynamodb"])
def states(request: pytest.FixtureRequest) -> TableStates:
    if request.param == "memory":
        return InMemoryTableStates()
    return DynamoDBTableStates(table=request.getfixturevalue("table"))


def test_a_newer_version_replaces_an_older_one_and_never_the_other_way(states: TableStates) -> None:
    assert states.get(FEATURES) is None
    states.put(FEATURES, a_table_state(version=2, rows=20))
    states.put(FEATURES, a_table_state(version=1, rows=10))
    assert states.get(FEATURES) == a_table_state(version=2, rows=20)
    states.put(FEATURES, a_table_state(version=10, rows=100))
    assert states.get(FEATURES) == a_table_state(version=10, rows=100)
    assert states.get(LABELS) is None


def test_the_state_of_a_table_and_the_quarantines_of_its_feed_do_not_disturb_each_other(
    request: pytest.FixtureRequest,
) -> None:
    table = request.getfixturevalue("table")
    log, states = DynamoDBBatchLog(table=table), DynamoDBTableStates(table=table)
    log.record_quarantine(a_quarantine())
    states.put(FEATURES, a_table_state())
    assert log.consecutive_quarantines(FEATURES) == 1
    assert states.get(FEATURES) == a_table_state()
