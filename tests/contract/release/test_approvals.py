"""A question to a person is kept with its token and answered once, in DynamoDB as in memory."""

from dataclasses import replace

import pytest

from evertrain.adapters.memory.approvals import InMemoryApprovals
from evertrain.adapters.release.approvals import DynamoDBApprovals
from evertrain.domain.deployment.steps import ApprovalAnswer
from evertrain.domain.release.approvals import Approval, GivenAnswer
from evertrain.ports.approvals import Approvals
from tests.builders.models import NOW, days

ASKED = Approval(model="trips", version="v1", decision_id="d-1", asked_at=NOW, expires_at=NOW + days(7))
YES = GivenAnswer(answer=ApprovalAnswer.APPROVED, at=NOW + days(1), by="user/ada", because="looks right")
NO = GivenAnswer(answer=ApprovalAnswer.REJECTED, at=NOW + days(2), by="user/bob")


@pytest.fixture(params=["memory", "dynamodb"])
def approvals(request: pytest.FixtureRequest) -> Approvals:
    if request.param == "memory":
        return InMemoryApprovals()
    return DynamoDBApprovals(table=request.getfixturevalue("table"))


def test_a_question_is_kept_with_what_its_retraining_waits_by(approvals: Approvals) -> None:
    assert approvals.find("trips", "d-1") is None
    assert approvals.token("trips", "d-1") == ""
    assert approvals.ask(ASKED, token="t-1")
    assert approvals.find("trips", "d-1") == ASKED
    assert approvals.token("trips", "d-1") == "t-1"


def test_who_asks_again_waits_by_the_new_token(approvals: Approvals) -> None:
    approvals.ask(ASKED, token="t-1")
    later = replace(ASKED, asked_at=NOW + days(1))
    assert approvals.ask(later, token="t-2")
    assert (approvals.find("trips", "d-1"), approvals.token("trips", "d-1")) == (later, "t-2")


def test_one_answer_counts_and_nobody_is_asked_after_it(approvals: Approvals) -> None:
    approvals.ask(ASKED, token="t-1")
    assert approvals.record_answer(replace(ASKED, answered=YES))
    assert not approvals.record_answer(replace(ASKED, answered=NO))
    assert not approvals.ask(ASKED, token="t-2")
    assert approvals.find("trips", "d-1") == replace(ASKED, answered=YES)
    assert approvals.token("trips", "d-1") == "t-1"


def test_what_was_never_asked_can_t_be_answered(approvals: Approvals) -> None:
    assert not approvals.record_answer(replace(ASKED, answered=YES))
    assert approvals.find("trips", "d-1") is None


def test_a_model_s_questions_come_newest_first(approvals: Approvals) -> None:
    for decision_id, day in (("d-2", 2), ("d-9", 1), ("d-1", 3)):
        approvals.ask(replace(ASKED, decision_id=decision_id, asked_at=NOW + days(day)), token="t")
    approvals.ask(replace(ASKED, model="boats"), token="t")
    assert [each.decision_id for each in approvals.approvals("trips")] == ["d-1", "d-2", "d-9"]
