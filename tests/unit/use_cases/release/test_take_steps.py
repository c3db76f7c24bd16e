"""A contender comes to answer step by step, and goes back when it is unwell; real models, everything in memory."""

from dataclasses import replace
from datetime import timedelta

import pytest

from evertrain.domain.landing.predictions import AnsweredRequest
from evertrain.domain.project.model import Project
from evertrain.domain.project.policies import RolloutPolicy
from evertrain.domain.release.registry import RegistryConflict, VersionStatus
from evertrain.domain.release.rollout import ContenderUnwell, RolloutInterrupted, RolloutPlan, StepUnderWay
from evertrain.ports.endpoint import Live
from evertrain.use_cases.landing.count_answers import CountAnswers
from tests.builders.models import days
from tests.builders.retraining import MODEL, Retraining, a_trainable_model

ROW = {"distance": 500.0, "wind": None, "carrier": "AA", "holiday": True}


class Canary:
    """A contender that was published beside a champion."""

    def __init__(self, policy: RolloutPolicy) -> None:
        spec = replace(a_trainable_model(), rollout=policy)
        self.loop = Retraining(spec)
        self.first = self.loop.promoted("d-1")
        self.loop.advance(days(7))
        self.version, self.published = self.loop.published("d-2")
        self.count = CountAnswers(
            project=Project(groups={spec.group.name: spec.group}, models={MODEL: spec}),
            registry=self.loop.registry,
            endpoint=self.loop.endpoint,
            log=self.loop.answers,
            timer=lambda: 0.0,
        )
        self.asked = 0

    def shift(self, number: int) -> StepUnderWay:
        return self.loop.shift(self.version, self.published, step=number)

    def look(self, step: StepUnderWay) -> StepUnderWay:
        return self.loop.look(self.version, step)

    def ask(self, requests: int, *, trouble: str = "", by: str = "") -> None:
        """As the collector counts them. `by`: the function version; the champion's, where it is not told."""
        loop, number = self.loop, self.asked
        self.asked += requests
        version = by or self.published.previous_function_version
        answered = [
            AnsweredRequest(
                model=MODEL,
                model_version="v",
                prediction_id=f"r{each}",
                answered_at=loop.wall_clock.now(),
                rows=() if trouble else (ROW,),
                predictions=() if trouble else (0.2 + each % 50 / 100,),
                function_version=version,
                milliseconds=None if trouble else 2.0,
                trouble=trouble,
            )
            for each in range(number, self.asked)
        ]
        self.count.run(answered)


STEPS = RolloutPolicy(steps=(0.1, 1.0), bake=timedelta(minutes=3))


def test_it_answers_more_and_more_and_the_last_step_is_promotion() -> None:
    canary = Canary(STEPS)
    old, new = canary.published.previous_function_version, canary.published.function_version
    step = canary.shift(0)
    assert (step.share, step.wait_seconds) == (0.1, 60)
    assert canary.loop.endpoint.live(MODEL) == Live(function_version=old, canary=new, share=0.1)
    for expected in ("look_again", "look_again", "next_step"):
        step = canary.look(step)
        assert step.next == expected
    step = canary.shift(step.number)
    assert canary.loop.endpoint.live(MODEL) == Live(function_version=new)
    for expected in ("look_again", "look_again", "promote"):
        step = canary.look(step)
        assert step.next == expected
    canary.loop.roll_out.promote(MODEL, canary.version, function_version=new, expected_champion=canary.first)
    assert canary.loop.registry.rollout(MODEL) is None


def test_who_fails_is_unwell_and_says_why() -> None:
    canary = Canary(STEPS)
    step = canary.shift(0)
    canary.ask(40)
    canary.ask(4, trouble="failed", by=canary.published.function_version)
    with pytest.raises(ContenderUnwell, match="is unwell at 10% of the requests: it failed in 4 of 4 requests"):
        canary.look(step)
    published = canary.published
    canary.loop.roll_out.rollback(
        MODEL, canary.version, previous_function_version=published.previous_function_version
    )
    assert canary.loop.endpoint.live(MODEL) == Live(function_version=published.previous_function_version)
    assert canary.loop.registry.rollout(MODEL) is None


def test_what_was_answered_before_the_rollout_is_not_counted() -> None:
    canary = Canary(STEPS)
    canary.ask(4, trouble="failed", by=canary.published.function_version)
    step = canary.shift(0)
    canary.ask(40)
    assert canary.look(step).next == "look_again"


def test_a_delivery_that_is_counted_twice_counts_once() -> None:
    canary = Canary(STEPS)
    canary.shift(0)
    for _ in range(2):
        canary.asked = 0
        canary.ask(40)
    rollout = canary.loop.registry.rollout(MODEL)
    assert rollout is not None
    (one,) = canary.loop.answers.answers(MODEL, since=rollout.step_began_at)
    assert one.counts.requests == 40


def test_a_shadow_is_asked_what_callers_asked_and_answers_none() -> None:
    canary = Canary(replace(STEPS, steps=(0.0, 1.0)))
    old, new = canary.published.previous_function_version, canary.published.function_version
    step = canary.shift(0)
    assert canary.loop.endpoint.live(MODEL) == Live(function_version=old)
    canary.ask(20)
    assert canary.look(step).next == "look_again"
    canary.loop.endpoint.broken.add(new)
    canary.ask(40)
    canary.loop.endpoint.broken.clear()
    with pytest.raises(
        ContenderUnwell, match="is unwell as a shadow: it failed in 40 of 60 requests, the champion 0"
    ):
        canary.look(step)


def test_who_was_taken_back_by_a_person_goes_no_further() -> None:
    canary = Canary(STEPS)
    step = canary.shift(0)
    canary.loop.endpoint.point_alias(MODEL, Live(function_version=canary.published.previous_function_version))
    with pytest.raises(RolloutInterrupted, match="something else answers than this rollout has put there"):
        canary.look(step)
    canary.loop.registry.withdraw(MODEL, canary.version)
    with pytest.raises(RegistryConflict, match="is rolled_back: it can't be rolled out"):
        canary.shift(1)
    assert canary.loop.registry.version(MODEL, canary.version).status is VersionStatus.ROLLED_BACK


def test_a_stage_may_have_a_bake_of_its_own() -> None:
    canary = Canary(STEPS)
    canary.loop.take_steps = replace(canary.loop.take_steps, bake=timedelta())
    step = canary.shift(0)
    assert step.wait_seconds == 0
    assert canary.look(step).next == "next_step"


@pytest.mark.parametrize(
    ("bake", "looks", "wait_seconds"),
    [
        (timedelta(seconds=0), 1, 0),
        (timedelta(seconds=20), 1, 20),
        (timedelta(minutes=30), 20, 90),
        (timedelta(days=7), 20, 30_240),
    ],
)
def test_a_step_is_looked_at_each_minute_or_twenty_times(bake: timedelta, looks: int, wait_seconds: int) -> None:
    plan = RolloutPlan(shares=(1.0,), bake=bake)
    assert (plan.looks, plan.wait_seconds) == (looks, wait_seconds)
    assert plan.duration >= bake


def test_new_code_comes_to_the_callers_by_the_same_steps_with_the_same_model() -> None:
    loop = Retraining(replace(a_trainable_model(), rollout=STEPS))
    version = loop.promoted("d-1")
    before = loop.registry.champion(MODEL)
    assert before is not None
    assert loop.roll_out.publish(MODEL, version).function_version == before.function_version, "nothing is new"
    loop.endpoint.code = "2"
    loop.advance(days(1))
    published = loop.roll_out.publish(MODEL, version)
    assert (published.function_version, published.previous_function_version) == ("2", "1")
    step = loop.shift(version, published)
    assert loop.endpoint.live(MODEL) == Live(function_version="1", canary="2", share=0.1)
    while step.next != "promote":
        step = loop.look(version, step)
        if step.next == "next_step":
            step = loop.shift(version, published, step=step.number)
    loop.roll_out.promote(MODEL, version, function_version="2", expected_champion=version)
    champion = loop.registry.champion(MODEL)
    assert champion == replace(before, function_version="2"), "the model is no younger"


def test_new_code_that_is_unwell_leaves_the_champion_champion() -> None:
    loop = Retraining(replace(a_trainable_model(), rollout=STEPS))
    version = loop.promoted("d-1")
    before = loop.registry.champion(MODEL)
    loop.endpoint.code = "2"
    published = loop.roll_out.publish(MODEL, version)
    loop.shift(version, published)
    loop.roll_out.rollback(MODEL, version, previous_function_version=published.previous_function_version)
    assert loop.endpoint.live(MODEL) == Live(function_version="1")
    assert loop.registry.champion(MODEL) == before
    assert loop.registry.version(MODEL, version).status is VersionStatus.CHAMPION


def test_what_answers_already_takes_one_step_beside_nobody() -> None:
    """No new code: an alias can't be shared between a version and itself."""
    loop = Retraining(replace(a_trainable_model(), rollout=STEPS))
    version = loop.promoted("d-1")
    before = loop.registry.champion(MODEL)
    published = loop.roll_out.publish(MODEL, version)
    step = loop.shift(version, published)
    assert loop.endpoint.live(MODEL) == Live(function_version="1")
    assert loop.look(version, step).next == "promote"
    loop.roll_out.promote(MODEL, version, function_version="1", expected_champion=version)
    assert loop.registry.champion(MODEL) == before
    assert loop.registry.rollout(MODEL) is None


def test_whom_it_was_judged_against_has_to_be_champion_still() -> None:
    """A person may have rolled back while it was trained, or waited for approval."""
    canary = Canary(STEPS)
    champion = canary.loop.registry.champion(MODEL)
    assert champion is not None
    again = replace(champion, version="v0")
    canary.loop.registry.register(replace(canary.loop.registry.version(MODEL, canary.first), version="v0"))
    canary.loop.registry.promote(again, expected_champion=canary.first)
    with pytest.raises(RolloutInterrupted, match=f"was judged against {canary.first}, and now v0 is champion"):
        canary.loop.take_steps.shift(
            MODEL,
            canary.version,
            function_version=canary.published.function_version,
            previous_function_version=canary.published.previous_function_version,
            expected_champion=canary.first,
            step=0,
        )
    assert canary.loop.registry.rollout(MODEL) is None


def test_a_rollout_that_a_person_ended_goes_no_further_also_of_the_champion_s_own_code() -> None:
    loop = Retraining(replace(a_trainable_model(), rollout=STEPS))
    version = loop.promoted("d-1")
    loop.endpoint.code = "2"
    published = loop.roll_out.publish(MODEL, version)
    loop.shift(version, published)
    loop.take_steps.require_under_way(MODEL, version, function_version="2")
    loop.registry.end_rollout(MODEL, version)
    with pytest.raises(RolloutInterrupted, match="its rollout was ended, by a person or by another one"):
        loop.shift(version, published, step=1)
    with pytest.raises(RolloutInterrupted):
        loop.take_steps.require_under_way(MODEL, version, function_version="2")


def test_a_shadow_that_hangs_is_not_asked_for_long() -> None:
    canary = Canary(replace(STEPS, steps=(0.0, 1.0)))
    seconds = iter(range(0, 10_000, 6))
    canary.count = replace(canary.count, timer=lambda: float(next(seconds)))
    canary.shift(0)
    canary.ask(40)
    rollout = canary.loop.registry.rollout(MODEL)
    assert rollout is not None
    counted = {
        each.function_version: each.counts.requests
        for each in canary.loop.answers.answers(MODEL, since=rollout.step_began_at)
    }
    assert counted == {rollout.champion: 40, rollout.function_version: 2}
