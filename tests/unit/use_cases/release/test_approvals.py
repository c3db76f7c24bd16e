"""A contender that passed the gate waits for a person: who is told what, and which answers count."""

from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from evertrain.adapters.memory.approvals import InMemoryApprovals, InMemoryWaiting
from evertrain.adapters.memory.messages import InMemoryClock, InMemoryEscalationChannel
from evertrain.domain.deployment.steps import ApprovalAnswer
from evertrain.domain.events import EventName
from evertrain.domain.release.approvals import Approval
from evertrain.domain.release.registry import VersionStatus
from evertrain.use_cases.release.answer_approval import AnswerApproval, NothingWaits
from evertrain.use_cases.release.ask_for_approval import AskForApproval
from tests.builders.crash_injection import Crash, CrashInjector
from tests.builders.models import NOW, days
from tests.builders.retraining import MODEL, Retraining, a_trainable_model

APPROVED, REJECTED = ApprovalAnswer.APPROVED, ApprovalAnswer.REJECTED


@dataclass
class Question:
    """Retraining d-1, or another, has trained a contender that passed; its state waits by token t-<decision>."""

    loop: Retraining
    approvals: InMemoryApprovals = field(default_factory=InMemoryApprovals)
    waiting: InMemoryWaiting = field(default_factory=InMemoryWaiting)
    people: InMemoryEscalationChannel = field(default_factory=InMemoryEscalationChannel)
    clock: InMemoryClock = field(default_factory=lambda: InMemoryClock(NOW))

    def ask(self, decision_id: str = "d-1") -> Approval:
        plan_uri = self.loop.evaluated(decision_id)
        version = self.loop.register(plan_uri).version.version
        asking = AskForApproval(
            runs=self.loop.runs,
            registry=self.loop.registry,
            decisions=self.loop.decisions,
            approvals=self.approvals,
            escalations=self.people,
            wall_clock=self.clock,
            stage="prod",
        )
        self.waiting.tokens.add(f"t-{decision_id}")
        return asking.run(plan_uri, version, token=f"t-{decision_id}")

    def answer(
        self, answer: ApprovalAnswer, named: str = "", *, by: str = "user/ada", crashes: CrashInjector | None = None
    ) -> Approval:
        injector = crashes or CrashInjector()
        return AnswerApproval(
            approvals=injector.wrap(self.approvals),
            waiting=injector.wrap(self.waiting),
            decisions=self.loop.decisions,
            wall_clock=self.clock,
        ).run(MODEL, named, answer=answer, by=by, because="seen")

    def end(self, decision_id: str, outcome: EventName) -> None:
        """As the state machine does."""
        (version,) = [v for v in self.loop.registry.versions(MODEL) if v.decision_id == decision_id]
        self.loop.finish(decision_id, outcome, version=version.version, sentence="as it was")


@pytest.fixture
def question() -> Question:
    spec = a_trainable_model()
    return Question(Retraining(replace(spec, gate=replace(spec.gate, approval=True, approval_timeout=days(2)))))


def test_the_person_is_told_what_waits_why_and_what_to_type(question: Question) -> None:
    question.loop.promoted("d-0")
    champion = question.loop.registry.champion(MODEL)
    assert champion is not None
    question.loop.advance(days(1))
    asked = question.ask()
    ((subject, message),) = question.people.called
    assert subject == f"Evertrain: {MODEL} {asked.version} waits for approval"
    version = question.loop.registry.version(MODEL, asked.version)
    evaluation = question.loop.runs.evaluation(question.loop.runs.plan(version.plan_uri))
    assert evaluation.difference is not None
    assert evaluation.champion_score is not None
    for told in (
        f"waits for you until {NOW + days(2):%Y-%m-%d %H:%M} UTC",
        f"contender: roc_auc_score {version.gate_score.value:.4f} [",
        f"champion {champion.version}: roc_auc_score {evaluation.champion_score.value:.4f} [",
        f"difference: {evaluation.difference.value:+.4f} [{evaluation.difference.low:+.4f}",
        f"the gate: {version.gate.sentence}",
        "why it was trained: 5 of 5 batches drifted",
        f"`evertrain report {MODEL} {asked.version} --stage prod`",
        f"`evertrain approve {MODEL} d-1 --stage prod`",
    ):
        assert told in message


def test_of_a_first_model_there_is_nobody_to_compare_it_with(question: Question) -> None:
    question.ask()
    ((_, message),) = question.people.called
    assert "champion: none yet, this is the first model" in message
    assert "difference" not in message


@pytest.mark.parametrize("answer", [APPROVED, REJECTED])
def test_an_answer_reaches_what_waits_with_who_gave_it_and_why(question: Question, answer: ApprovalAnswer) -> None:
    asked = question.ask()
    given = question.answer(answer)
    ((token, told, sentence),) = question.waiting.resumed
    assert (token, told) == ("t-d-1", answer)
    assert sentence == f"{answer} by user/ada on {NOW:%Y-%m-%d %H:%M} UTC: seen"
    assert given == question.approvals.find(MODEL, "d-1")
    assert given.version == asked.version
    assert str(given.answered) == sentence


@pytest.mark.parametrize("named", ["", "d-1", "VERSION"])
def test_a_second_answer_changes_nothing(question: Question, named: str) -> None:
    asked = question.ask()
    question.answer(APPROVED)
    refused = f"{asked.version} of {MODEL} was approved by user/ada" if named else f"nothing of {MODEL} waits"
    with pytest.raises(NothingWaits, match=refused):
        question.answer(REJECTED, named.replace("VERSION", asked.version), by="user/bob")
    assert len(question.waiting.resumed) == 1
    found = question.approvals.find(MODEL, "d-1")
    assert found is not None
    assert found.answered is not None
    assert found.answered.answer is APPROVED


def test_an_answer_to_another_decision_names_what_waits(question: Question) -> None:
    with pytest.raises(NothingWaits, match=f"nothing of {MODEL} waits for approval"):
        question.answer(APPROVED, "d-9")
    asked = question.ask()
    with pytest.raises(
        NothingWaits, match=f"no decision or version d-9 of {MODEL} was put to a person; what waits is"
    ):
        question.answer(APPROVED, "d-9")
    assert question.waiting.resumed == []
    assert question.approvals.find(MODEL, "d-1") == asked


def test_an_answer_after_the_time_is_too_late(question: Question) -> None:
    asked = question.ask()
    question.clock.moment = asked.expires_at
    with pytest.raises(NothingWaits, match="waits for nobody any more: its time was over at"):
        question.answer(APPROVED, "d-1")
    question.end("d-1", EventName.CONTENDER_HELD)
    with pytest.raises(NothingWaits, match="its retraining ended as ContenderHeld, as it was"):
        question.answer(APPROVED, "d-1")
    assert question.waiting.resumed == []
    assert question.loop.registry.version(MODEL, asked.version).status is VersionStatus.HELD


def test_an_answer_that_the_state_no_longer_takes_is_not_written_down(question: Question) -> None:
    """It timed out, or was stopped, between the look and the answer."""
    question.ask()
    question.waiting.tokens.clear()
    with pytest.raises(NothingWaits, match="another answer came first, or it was stopped"):
        question.answer(APPROVED)
    found = question.approvals.find(MODEL, "d-1")
    assert found is not None
    assert found.answered is None


@pytest.mark.parametrize("crash_at", range(1, 5))
def test_wherever_the_command_is_cut_off_one_answer_at_most_gets_through(question: Question, crash_at: int) -> None:
    question.ask()
    with suppress(Crash):
        question.answer(APPROVED, crashes=CrashInjector(crash_at))
    before = len(question.waiting.resumed)
    try:
        question.answer(APPROVED)
    except NothingWaits:
        assert before == 1
    assert [answer for _, answer, _ in question.waiting.resumed] == [APPROVED]


def test_the_next_contender_waits_by_itself(question: Question) -> None:
    question.ask()
    question.answer(REJECTED)
    question.end("d-1", EventName.CONTENDER_REJECTED)
    question.loop.advance(days(7))
    second = question.ask("d-2")
    assert question.answer(APPROVED).version == second.version


def test_a_rejected_version_says_so(question: Question) -> None:
    asked = question.ask()
    question.answer(REJECTED)
    question.end("d-1", EventName.CONTENDER_REJECTED)
    assert question.loop.registry.version(MODEL, asked.version).status is VersionStatus.REJECTED
