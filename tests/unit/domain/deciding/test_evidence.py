"""Whoever is called is told since when, what, which rows, what was tried, and what it would take."""

from dataclasses import replace

import pytest

from evertrain.domain.deciding.decisions import Action, EvidencePack, Reason
from evertrain.domain.deciding.evidence import describe_pack, pack_evidence
from evertrain.domain.deciding.loop_state import AnsweredChange, LoopState
from evertrain.domain.deciding.policy import decide
from evertrain.domain.deciding.triggers import DecisionContext
from evertrain.domain.events import EventName
from evertrain.domain.monitoring.performance import Performance, RowLoss
from tests.builders.models import NOW, a_model, a_state, an_outcome, days, verdicts
from tests.builders.performance import a_performance

SPEC = a_model()
CALLS = (
    Reason.FEED_BROKEN,
    Reason.FEED_STALE,
    Reason.FEED_DOUBTFUL,
    Reason.REQUESTS_DIFFER,
    Reason.LABELS_OVERDUE,
    Reason.CONTENDERS_REJECTED,
    Reason.BELOW_FLOOR,
    Reason.NOT_MENDED,
    Reason.GROUP_NOT_MENDED,
)


def a_pack(reason: Reason, **changes: object) -> EvidencePack:
    return pack_evidence(DecisionContext(state=a_state(**changes), spec=SPEC, now=NOW), reason)  # type: ignore[arg-type]


def with_worst(performance: Performance, *, rows_a_day: int = 3) -> Performance:
    """Each later day's rows are worse than those of the day before."""
    return replace(
        performance,
        realised=tuple(
            replace(
                day,
                worst=tuple(
                    RowLoss(
                        key=f"r{place}-{row}", event_time=day.day, prediction=0.9, truth=0.0, loss=place - row / 9
                    )
                    for row in range(rows_a_day)
                ),
            )
            for place, day in enumerate(performance.realised)
        ),
    )


def a_change_that_was_not_mended() -> LoopState:
    return a_state(
        performance=with_worst(a_performance([1.0] * 10 + [0.0] * 20)),
        answered_change=AnsweredChange(
            changed_at=NOW - days(23),
            learnt_to=NOW - days(5),
            is_learnt=True,
            promoted=2,
            metric_before=0.82,
            metric_after=0.5,
        ),
        outcomes=[
            an_outcome(EventName.MODEL_PROMOTED, days_ago=4),
            an_outcome(EventName.MODEL_PROMOTED, days_ago=12),
            an_outcome(EventName.MODEL_PROMOTED, days_ago=60),
        ],
    )


@pytest.mark.parametrize("reason", CALLS)
def test_every_call_says_what_it_would_take_with_the_model_s_own_names(reason: Reason) -> None:
    pack = a_pack(reason, verdicts=verdicts("x...."))
    assert pack.needed
    assert not any("{" in sentence for sentence in pack.needed)
    assert "What it would take:" in list(describe_pack(pack))


def test_a_change_that_was_not_mended_comes_with_rows_and_what_was_tried_since_then() -> None:
    state = a_change_that_was_not_mended()
    pack = pack_evidence(DecisionContext(state=state, spec=SPEC, now=NOW), Reason.NOT_MENDED)
    assert pack.since == NOW - days(23)
    assert [row.key for row in pack.examples[:4]] == ["r29-0", "r29-1", "r29-2", "r28-0"]
    assert len(pack.examples) == 10
    assert all(row.event_time >= NOW - days(24) for row in pack.examples)
    assert pack.tried == (
        "2013-03-28: ModelPromoted: as it went",
        "2013-03-20: ModelPromoted: as it went",
    )
    lines = list(describe_pack(pack))
    assert lines[0] == f"Since {NOW - days(23):%Y-%m-%d} 00:00 UTC."
    assert any(line.startswith("- r29-0 of 2013-03-") and "0.9 predicted, 0 came" in line for line in lines)


def test_a_doubtful_batch_comes_with_its_faults_and_a_broken_feed_with_the_last_good_batch() -> None:
    doubtful = a_pack(Reason.FEED_DOUBTFUL, verdicts=verdicts("x...."))
    assert (doubtful.since, doubtful.what) == (NOW - days(1), ("wind: half is missing",))
    broken = a_pack(Reason.FEED_BROKEN, verdicts=verdicts("x...."))
    assert broken.since == NOW - days(2) + days(0.9)


def test_the_decision_to_call_carries_it_and_no_other_does() -> None:
    called = decide(a_state(consecutive_quarantines=1), SPEC, now=NOW)
    assert called.action is Action.ESCALATE
    assert called.pack is not None
    assert "`evertrain quarantine`" in called.pack.needed[0]
    assert decide(a_state(verdicts=verdicts(".....")), SPEC, now=NOW).pack is None
