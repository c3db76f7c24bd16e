"""What a policy does with a history: it learns from nothing that was not known yet, and does the same each time."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from evertrain.adapters.training.estimators import load_estimator
from evertrain.domain.project.metric import Task
from evertrain.domain.project.policies import CostPolicy, EndpointPolicy, Tier
from evertrain.replay.comparison import compare_policies
from evertrain.replay.estimators import built_in_estimator
from evertrain.replay.history import History
from evertrain.replay.plain import MakeEstimator, Never, Periodic, PlainReplay
from evertrain.replay.policies import DECLARED, UnknownPolicy, replay, require_known
from evertrain.replay.result import PolicyResult, Recorder
from tests.builders.history import a_history, history_frame
from tests.builders.own_code import write_own_code

LATENCY = timedelta(days=2, minutes=1)
LINEAR = built_in_estimator("linear", Task.CLASSIFICATION)


def replayed(
    history: History,
    policy: str,
    *,
    make_estimator: MakeEstimator = LINEAR,
    seed: int = 0,
    start: int = 0,
    root: Path = Path(),
) -> PolicyResult:
    return replay(
        history,
        policy,
        make_estimator=make_estimator,
        seed=seed,
        start=start,
        on_step=lambda step: None,
        root=root,
    )


def retrained_at(result: PolicyResult) -> list[int]:
    return [decision.batch for decision in result.decisions if decision.action == "retrain"]


@pytest.mark.parametrize("policy", ["every_batch", "periodic:5"])
def test_a_model_learns_from_every_row_whose_label_is_known_and_from_no_other(tmp_path: Path, policy: str) -> None:
    history = a_history(tmp_path, history_frame(batches=40, rows=60), latency=LATENCY)
    frames: list[int] = []

    def make(seed: int, parameters: Mapping[str, Any]) -> Any:
        estimator = LINEAR(seed, parameters)
        fit = estimator.fit
        estimator.fit = lambda frame, truth: (frames.append(len(frame)), fit(frame, truth))[1]
        return estimator

    result = replayed(history, policy, make_estimator=make)
    # At the end of a batch all labels are known but those of it and of the one before.
    assert frames == [60 * (batch + 1 - 2) for batch in retrained_at(result)]


def test_every_fit_of_the_loop_counts_also_that_on_all_rows(tmp_path: Path) -> None:
    made: list[int] = []

    def make(seed: int, parameters: Mapping[str, Any]) -> Any:
        made.append(seed)
        return LINEAR(seed, parameters)

    result = replayed(a_history(tmp_path, history_frame(batches=60)), DECLARED, make_estimator=make)
    assert "ModelPromoted" in [decision.outcome for decision in result.decisions]
    assert result.fits == len(made)


@pytest.mark.parametrize("policy", ["never", "periodic:7"])
def test_batches_are_predicted_by_the_model_that_was_there_when_they_came(tmp_path: Path, policy: str) -> None:
    """Each model answers its own number: so who answered a row is seen in what was answered."""
    history, models = a_history(tmp_path, history_frame(batches=60)), count(1)

    class Constant(DummyClassifier):
        def fit(self, frame: Any, truth: Any) -> Any:
            self.number = next(models)
            return super().fit(frame, truth)

        def predict_proba(self, frame: Any) -> Any:
            return np.full((len(frame), 2), self.number / 100)

    recorder = Recorder(history=history)
    one = PlainReplay(
        history=history,
        make_estimator=lambda seed, parameters: Constant(),
        recorder=recorder,
        rule=Never() if policy == "never" else Periodic(7),
        seed=0,
        timer=perf_counter,
    )
    for step in history.steps:
        one.step(step)
    trained_at = [decision.batch for decision in recorder.decisions]
    assert trained_at
    for step in history.steps:
        model = sum(batch < step.number for batch in trained_at)
        np.testing.assert_array_equal(recorder.predictions[step.rows], model / 100 if model else np.nan)


def test_the_loop_trains_on_accepted_rows_whose_labels_were_known(tmp_path: Path) -> None:
    history = a_history(tmp_path, history_frame(batches=60), latency=LATENCY)
    result = replayed(history, DECLARED)
    first = next(decision for decision in result.decisions if decision.action == "retrain")
    assert first.outcome == "ModelPromoted"
    assert result.metric_by_batch[: first.batch + 1] == (None,) * (first.batch + 1), "predicted before it was there"
    assert all(value is not None for value in result.metric_by_batch[first.batch + 1 :])


def test_a_model_of_the_second_tier_is_replayed_with_code_of_its_own(tmp_path: Path) -> None:
    history = a_history(tmp_path, history_frame(batches=45))
    second = replace(history, spec=replace(history.spec, endpoint=EndpointPolicy(tier=Tier.SKLEARN)))
    write_own_code(tmp_path, numbers=("wind", "load"))

    def make(seed: int, parameters: Mapping[str, Any]) -> Any:
        return load_estimator(tmp_path, "trips", seed=seed, parameters=parameters)

    result = replayed(second, DECLARED, make_estimator=make, root=tmp_path)
    first = next(decision for decision in result.decisions if decision.action == "retrain")
    assert first.outcome == "ModelPromoted", first.outcome_sentence
    assert min(value or 0 for value in result.metric_by_batch[first.batch + 1 :]) > 0.6
    refused = next(each for each in replayed(history, DECLARED, make_estimator=make).decisions if each.outcome)
    assert "Clipped before the model has no flat form" in refused.outcome_sentence


def test_both_tiers_have_one_story_of_one_recipe(tmp_path: Path) -> None:
    history = a_history(tmp_path, history_frame(batches=45))
    second = replace(history, spec=replace(history.spec, endpoint=EndpointPolicy(tier=Tier.SKLEARN)))
    assert replayed(second, DECLARED).metric_by_batch == replayed(history, DECLARED).metric_by_batch


@pytest.mark.parametrize("policy", [DECLARED, "every_batch", "adwin"])
def test_the_same_history_and_seed_give_the_same_result(tmp_path: Path, policy: str) -> None:
    history = a_history(tmp_path, history_frame(batches=50, changes_at=30))
    first, second = (replace(replayed(history, policy), seconds=0.0, fit_seconds=0.0) for _ in range(2))
    assert first == second


def test_a_future_that_differs_changes_nothing_of_the_past(tmp_path: Path) -> None:
    """No decision and no prediction may rest on what came later."""
    frame = history_frame(batches=50)
    other = frame.copy()
    later = other["departed_at"] >= other["departed_at"].iloc[0] + np.timedelta64(40, "D")
    other.loc[later, "wind"] += 50
    other.loc[later, "late"] = 1 - other.loc[later, "late"]
    one, two = (replayed(a_history(tmp_path, each), DECLARED) for each in (frame, other))
    assert one.metric_by_batch[:40] == two.metric_by_batch[:40]
    assert [each for each in one.decisions if each.batch < 40] == [each for each in two.decisions if each.batch < 40]


def test_after_a_change_the_loop_comes_back_and_one_model_for_ever_does_not(tmp_path: Path) -> None:
    history = a_history(tmp_path, history_frame(batches=110, changes_at=50))
    results = [replayed(history, policy) for policy in (DECLARED, "never")]
    found = compare_policies(history, results, start=0)
    last = [np.mean([each for each in result.metric_by_batch[-10:] if each is not None]) for result in results]
    assert last[0] > 0.75
    assert last[1] < 0.3
    declared, never = found.results
    assert declared.metric is not None
    assert never.metric is not None
    assert f"Retraining would have improved roc_auc_score by {declared.metric - never.metric:.3g} ± " in found.answer
    assert (never.retrains, never.promotions) == (0, 0)

    costs = CostPolicy(retraining=40, worth_per_row=0.5)
    priced = compare_policies(replace(history, spec=replace(history.spec, cost=costs)), results, start=0)
    rows = sum(declared.rows_by_batch[number] for number in found.scored)
    worth = f"worth {(declared.metric - never.metric) * 0.5 * rows:,.0f} at a cost of {40 * declared.retrains:,.0f}"
    assert f"for {declared.retrains} retrainings, {worth}" in priced.answer

    idle = [replace(declared, decisions=()), never]
    told = compare_policies(replace(history, spec=replace(history.spec, cost=costs)), idle, start=0).answer
    assert told.startswith("The loop would not have retrained: roc_auc_score of its first model and of never's is 0.")


def test_a_change_that_only_the_errors_show_is_answered_soon_and_learnt_as_it_goes_on(tmp_path: Path) -> None:
    history = a_history(tmp_path, history_frame(batches=90, rows=100, changes_at=50))
    result = replayed(history, DECLARED)
    answers = [each for each in result.decisions if each.batch >= 50 and each.action == "retrain"]
    first, second = answers[:2]
    assert (first.reason, second.reason) == ("performance_fell", "change_has_more_rows")
    assert first.batch <= 50 + 2 + 3, "within the labels' latency and three batches"
    assert "since 2024-02-20" in first.sentence
    assert not [each for each in result.decisions if each.batch < 50 and each.reason == "performance_fell"]


def test_a_batch_that_breaks_a_declared_bound_is_set_aside_and_not_learnt_from(tmp_path: Path) -> None:
    frame = history_frame(batches=60)
    broken = frame["departed_at"].dt.day_of_year == 50
    frame.loc[broken, "wind"] = np.nan
    result = replayed(a_history(tmp_path, frame), DECLARED)
    assert result.quarantined == (49,)
    assert any(each.batch == 49 and each.reason == "feed_broken" for each in result.decisions)


def test_what_may_be_a_fault_calls_a_person_in_its_first_batch_and_is_not_learnt_from(tmp_path: Path) -> None:
    """From the middle of a day on a column has no values; the day after is set aside, and then it is mended."""
    frame = history_frame(batches=60, rows=100)
    noon = pd.Timestamp("2024-02-19T12:00Z")
    broken = frame["departed_at"].between(noon, noon + pd.Timedelta(hours=36), inclusive="left")
    frame.loc[broken, "wind"] = np.nan
    history = a_history(tmp_path, frame)
    result = replayed(history, DECLARED)
    assert (result.doubted, result.quarantined) == ((49,), (50,))
    called = [(each.batch, each.reason) for each in result.decisions if each.action == "escalate"]
    assert called == [(49, "feed_doubtful"), (50, "feed_broken")]


def test_nothing_is_decided_before_the_start(tmp_path: Path) -> None:
    history = a_history(tmp_path, history_frame(batches=60))
    for policy in (DECLARED, "every_batch"):
        assert retrained_at(replayed(history, policy, start=40))[0] == 40


def test_periodic_trains_every_so_many_batches(tmp_path: Path) -> None:
    batches = retrained_at(replayed(a_history(tmp_path, history_frame(batches=60)), "periodic:7"))
    assert set(np.diff(batches)) == {7}


def test_policies_are_compared_on_the_batches_that_all_have_predicted(tmp_path: Path) -> None:
    history = a_history(tmp_path, history_frame(batches=60))
    results = [replayed(history, "never"), replayed(history, "every_batch", start=45)]
    assert compare_policies(history, results, start=0).scored == tuple(range(46, 60))
    without = compare_policies(history, [results[0], replayed(history, "never", start=59)], start=0)
    assert compare_policies(history, results[:1], start=59).answer.endswith(" on 1 batch.")
    assert without.answer == 'Nothing can be compared: the policy "never" came to no model.'


@pytest.mark.parametrize(
    ("label", "better", "worse"), [("late", 0.9, 0.6), ("minutes", 3.0, 5.0)], ids=["a score", "a loss"]
)
def test_regret_is_what_a_policy_lacks_to_the_best_on_each_batch(
    tmp_path: Path, label: str, better: float, worse: float
) -> None:
    """Two policies, of which each is better on some of the batches; more rows count for more."""
    frame = history_frame(batches=60)
    if label == "minutes":
        frame["late"] = frame["wind"] * 60
    history = a_history(tmp_path, frame)
    result = replayed(history, "never", make_estimator=built_in_estimator("linear", history.spec.task))
    rows = tuple(300 if number < 50 else 100 for number in range(60))
    measured = [
        (None, *(better if number < 50 else worse for number in range(1, 60))),
        (None, *(worse if number < 50 else better for number in range(1, 60))),
        (better,) * 60,
    ]
    results = [
        replace(result, policy=f"policy {place}", metric_by_batch=values, rows_by_batch=rows)
        for place, values in enumerate(measured)
    ]
    first, second, best = (each.regret for each in compare_policies(history, results, start=30).results)
    lacking, scored_rows = abs(better - worse), 20 * 300 + 10 * 100
    assert first == pytest.approx(lacking * 10 * 100 / scored_rows)
    assert second == pytest.approx(lacking * 20 * 300 / scored_rows)
    assert best == 0
    assert compare_policies(history, results, start=60).results[0].regret is None


@pytest.mark.parametrize("policy", ["weekly", "periodic:0", "periodic:x", "never:3"])
def test_an_unknown_policy_is_named(policy: str) -> None:
    with pytest.raises(UnknownPolicy, match=f"there is no policy {policy}; known are declared, never"):
        require_known(policy)
