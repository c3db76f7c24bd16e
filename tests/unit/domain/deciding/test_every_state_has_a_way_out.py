"""Whatever has happened, the loop comes back to retraining by itself: no state needs a person to leave it.

From a random history on, the world is well: batches are good, labels land. Whatever is decided then happens: a person
is called, or a hold lasts as long as it says.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from evertrain.domain.deciding.decisions import Action, Decision, Reason
from evertrain.domain.deciding.holds import MAX_PERIODS
from evertrain.domain.deciding.loop_state import AnsweredChange, LoopState
from evertrain.domain.deciding.policy import decide
from evertrain.domain.deciding.situation import MAX_COOLDOWN_FACTOR
from evertrain.domain.events import OUTCOME_EVENTS, EventName
from evertrain.domain.project.calendar import parse_quiet_days
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.policies import CostPolicy, DriftPolicy, MovingWindow, TriggerPolicy
from evertrain.domain.store.labels import LabelTables
from evertrain.domain.training.evaluation import Gain
from tests.builders.models import NOW, a_champion, a_model, a_state, an_outcome, days, labels_table, verdicts
from tests.builders.performance import a_performance

SPEC = a_model(
    triggers=TriggerPolicy(drift=DriftPolicy(drifted_batches=3, of_last=5), every=days(28), cooldown=days(7))
)

HISTORIES = st.fixed_dictionaries(
    {
        "verdicts": st.text("D.0?x", max_size=60).map(verdicts),
        "requests": st.text("D.", max_size=20).map(verdicts),
        "outcomes": st.lists(st.sampled_from(OUTCOME_EVENTS), max_size=20).map(
            lambda names: tuple(an_outcome(EventName(name), days_ago=3 * (i + 1)) for i, name in enumerate(names))
        ),
        "retrained_at": st.lists(st.integers(0, 400), max_size=6).map(
            lambda several: tuple(NOW - days(ago) for ago in sorted(several))
        ),
        "champion": st.integers(0, 400).map(lambda ago: a_champion(since=NOW - days(ago))),
        "escalated_for": st.frozensets(st.sampled_from(Reason)),
        "performance": st.one_of(
            st.none(),
            st.lists(st.sampled_from([1.0, 0.5, -1.0]), max_size=30).map(a_performance),
        ),
        "answered_change": st.one_of(
            st.none(),
            st.builds(
                lambda ago, learnt, before: AnsweredChange(
                    changed_at=NOW - days(ago + learnt),
                    learnt_to=NOW - days(ago),
                    is_learnt=bool(ago % 2),
                    metric_before=before,
                    metric_after=None if before is None else before - 0.3,
                ),
                st.integers(3, 100),
                st.integers(1, 100),
                st.sampled_from([None, 0.7, 0.95]),
            ),
        ),
        "answers_in_vain": st.integers(0, 2),
        "undecided": st.frozensets(st.sampled_from(["", "v2"])),
        "last_learnt_to": st.one_of(st.none(), st.integers(3, 400).map(lambda ago: NOW - days(ago))),
        "gains": st.lists(
            st.builds(
                lambda value, days: Gain(value=value, standard_error=0.005, newer_by=timedelta(days=days)),
                st.floats(-0.1, 0.1),
                st.integers(-5, 60),
            ),
            max_size=8,
        ),
        "rows_when_champion_trained": st.one_of(st.none(), st.integers(0, 100_000)),
    }
)


def as_of(state: LoopState, now: datetime) -> LoopState:
    """The same history when labels and batches have gone on landing until `now`."""
    labels = replace(labels_table(), event_time_max=now - days(3), ingested_at_max=now)
    return replace(state, labels=LabelTables(row_labels=labels), newest_event_times={"trips": now - days(1)})


LEARNING_CHANGES = replace(
    SPEC, training=replace(SPEC.training, moving_windows=(MovingWindow.EXPANDING, MovingWindow.SINCE_CHANGE))
)


BOUNDED = replace(
    SPEC,
    cost=CostPolicy(retraining=40, worth_per_row=0.01, per_month=50),
    triggers=replace(SPEC.triggers, retrainings_per_month=2, quiet=(parse_quiet_days("03-20 to 04-20"),)),
)


@given(HISTORIES, st.sampled_from([SPEC, LEARNING_CHANGES, BOUNDED]))
def test_a_loop_whose_world_is_well_retrains_again(history: dict[str, object], spec: ModelSpec) -> None:
    state, now = a_state(**history), NOW  # type: ignore[arg-type]  # of the fields' own types
    taken: list[Decision] = []
    latest = NOW + MAX_PERIODS * days(28) + MAX_COOLDOWN_FACTOR * days(7) + days(60)
    while now <= latest:
        decision = decide(as_of(state, now), spec, now=now)
        taken.append(decision)
        if decision.action is Action.RETRAIN:
            return
        if decision.action is Action.ESCALATE:
            assert decision.reason not in state.escalated_for, "a person is called once for an incident"
            state = replace(state, escalated_for=state.escalated_for | {decision.reason})
            continue
        assert decision.not_before is None or decision.not_before > now, "a hold ends later than it begins"
        now = decision.not_before or now + days(1)
    raise AssertionError([each.sentence for each in taken[-3:]])
