"""The ingest function: each accepted batch by itself, and a message that fails goes back alone."""

from typing import Any

import pytest

from evertrain.domain.landing.batches import Feed, TableState
from evertrain.use_cases.store.commit_batch import UnknownBatch
from lambdas.ingest import handler
from tests.builders.batches import FEATURES, LABELS, a_table_state
from tests.builders.events import delivery


class CommitKnown:
    def __init__(self) -> None:
        self.committed: list[tuple[Feed, str]] = []

    def run(self, feed: Feed, batch_id: str) -> TableState:
        if batch_id == "unknown":
            raise UnknownBatch(batch_id)
        self.committed.append((feed, batch_id))
        return a_table_state()


@pytest.fixture
def commit(monkeypatch: pytest.MonkeyPatch) -> CommitKnown:
    commit = CommitKnown()
    monkeypatch.setattr(handler, "commit_batch", lambda: commit)
    return commit


def handle(**messages: Any) -> dict[str, Any]:
    return handler.lambda_handler(delivery(**messages), None)


def accepted(feed: str, batch_id: str) -> dict[str, Any]:
    return {"detail": {"feed": feed, "batch_id": batch_id}}


def test_features_and_labels_are_committed_to_their_own_tables(commit: CommitKnown) -> None:
    answer = handle(one=accepted("features/trips", "b1"), two=accepted("labels/trips", "b2"))
    assert answer == {"batchItemFailures": []}
    assert commit.committed == [(FEATURES, "b1"), (LABELS, "b2")]


def test_a_message_that_fails_goes_back_while_the_others_are_done(commit: CommitKnown) -> None:
    answer = handle(
        one=accepted("features/trips", "unknown"),
        two=accepted("boats/trips", "b1"),
        three={"detail": {"feed": "features/trips"}},
        four=accepted("features/trips", "b1"),
    )
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["one", "two", "three"]
    assert commit.committed == [(FEATURES, "b1")]
