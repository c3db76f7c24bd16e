"""An accepted batch is committed, noted and told; a repeat changes nothing and is told again."""

from dataclasses import dataclass, field

import pytest

from evertrain.adapters.memory.batches import InMemoryBatchLog, InMemoryTableStates
from evertrain.adapters.memory.messages import InMemoryEventBus
from evertrain.domain.landing.batches import Batch, Feed, TableState
from evertrain.use_cases.store.commit_batch import CommitBatch, UnknownBatch
from tests.builders.batches import FEATURES, LABELS, a_batch, a_quarantine, a_table_state


@dataclass
class Tables:
    """A table that gets a version for each batch that it has not seen."""

    committed: list[Batch] = field(default_factory=list)

    def commit(self, batch: Batch) -> TableState:
        if batch not in self.committed:
            self.committed.append(batch)
        return a_table_state(version=len(self.committed), rows=sum(each.rows for each in self.committed))


@dataclass
class Ingest:
    batches: InMemoryBatchLog = field(default_factory=InMemoryBatchLog)
    tables: Tables = field(default_factory=Tables)
    states: InMemoryTableStates = field(default_factory=InMemoryTableStates)
    bus: InMemoryEventBus = field(default_factory=InMemoryEventBus)

    def run(self, batch_id: str, *, feed: Feed = FEATURES) -> TableState:
        return CommitBatch(batches=self.batches, tables=self.tables, states=self.states, bus=self.bus).run(
            feed, batch_id
        )


@pytest.fixture
def ingest() -> Ingest:
    return Ingest()


def test_an_accepted_batch_is_committed_noted_and_told(ingest: Ingest) -> None:
    batch = a_batch("b1")
    ingest.batches.record(batch, [])
    state = ingest.run("b1")
    assert ingest.tables.committed == [batch]
    assert ingest.states.get(FEATURES) == state
    (event,) = ingest.bus.published
    assert event.name.value == "FeaturesCommitted"
    assert event.detail == {"feed": "features/trips", "batch_id": "b1", "table_version": 1, "rows": batch.rows}


def test_labels_are_told_as_labels(ingest: Ingest) -> None:
    ingest.batches.record(a_batch("b1", feed=LABELS), [])
    ingest.run("b1", feed=LABELS)
    assert ingest.bus.names() == ["LabelsCommitted"]


def test_a_repeat_commits_nothing_new_and_is_told_again(ingest: Ingest) -> None:
    ingest.batches.record(a_batch("b1"), [])
    assert ingest.run("b1") == ingest.run("b1")
    assert len(ingest.tables.committed) == 1
    assert ingest.bus.published[0] == ingest.bus.published[1]


def test_a_repeat_commits_nothing_long_after_the_table_has_forgotten_the_batch(ingest: Ingest) -> None:
    ingest.batches.record(a_batch("b1"), [])
    state = ingest.run("b1")
    ingest.tables.committed.clear()
    assert ingest.run("b1") == state
    assert ingest.tables.committed == []
    assert ingest.bus.names() == ["FeaturesCommitted", "FeaturesCommitted"]


def test_a_batch_whose_mark_was_not_set_is_left_to_the_table(ingest: Ingest) -> None:
    ingest.batches.record(a_batch("b1"), [])
    ingest.tables.commit(a_batch("b1"))
    ingest.run("b1")
    assert ingest.tables.committed == [a_batch("b1")]
    assert ingest.batches.is_committed(FEATURES, "b1")


def test_an_unknown_or_quarantined_batch_is_refused_and_nothing_changes(ingest: Ingest) -> None:
    ingest.batches.record_quarantine(a_quarantine("q1"))
    for batch_id in ("q1", "b1"):
        with pytest.raises(UnknownBatch, match=f"no batch {batch_id} of features/trips was accepted"):
            ingest.run(batch_id)
    assert (ingest.tables.committed, ingest.states.get(FEATURES), ingest.bus.published) == ([], None, [])
