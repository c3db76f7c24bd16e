"""May the contender replace the champion?"""

from dataclasses import replace

import pytest

from evertrain.domain.project.metric import Guard, GuardMetric, Metric
from evertrain.domain.project.policies import GatePolicy, SliceSpec
from evertrain.domain.training.evaluation import Difference, GuardComparison, SliceComparison
from evertrain.domain.training.gate import (
    Finding,
    GateReason,
    floor_of,
    judge_contender,
    judge_difference,
    judged_guards,
    judged_slices,
    margin_of,
)
from tests.builders.evaluations import an_evaluation

POLICY = GatePolicy(margin=0.01, floor=0.55)


@pytest.mark.parametrize("metric", [Metric.ROC_AUC_SCORE, Metric.MEAN_ABSOLUTE_ERROR])
@pytest.mark.parametrize(
    ("gain", "half_interval", "reason", "passed"),
    [
        (0.02, 0.005, GateReason.BETTER, True),
        (0.001, 0.005, GateReason.NOT_WORSE, True),
        (-0.002, 0.005, GateReason.NOT_WORSE, True),
        (-0.008, 0.005, GateReason.MAY_BE_WORSE, False),
        (0.005, 0.04, GateReason.PERHAPS_BETTER, True),
        (-0.005, 0.04, GateReason.MAY_BE_WORSE, False),
        (0.0, 0.04, GateReason.MAY_BE_WORSE, False),
    ],
)
def test_only_what_did_worse_and_may_be_worse_by_more_than_the_margin_is_refused(
    metric: Metric, gain: float, half_interval: float, reason: GateReason, passed: bool
) -> None:
    verdict = judge_contender(an_evaluation(gain=gain, half_interval=half_interval, metric=metric), POLICY)
    assert (verdict.reason, verdict.passed) == (reason, passed)


def test_where_superiority_is_asked_for_chance_has_to_be_ruled_out() -> None:
    strict = GatePolicy(margin=0.01, floor=0.55, superiority=True)
    assert judge_contender(an_evaluation(gain=0.005, half_interval=0.04), strict).reason is GateReason.NOT_BETTER
    assert judge_contender(an_evaluation(gain=0.05, half_interval=0.04), strict).reason is GateReason.BETTER


def test_the_sentence_says_that_it_may_be_chance() -> None:
    sentence = judge_contender(an_evaluation(gain=0.005, half_interval=0.04), POLICY).sentence
    assert sentence == "better, which may be chance: roc_auc_score differs by +0.0050 [-0.0350, +0.0450] on 6000 rows"


@pytest.mark.parametrize(
    ("metric", "constant", "margin", "floor"),
    [(Metric.ROC_AUC_SCORE, 0.5, 0.02, 0.5), (Metric.MEAN_ABSOLUTE_ERROR, 30.0, 1.5, 30.0)],
)
def test_what_is_not_declared_follows_from_what_a_constant_prediction_scores(
    metric: Metric, constant: float, margin: float, floor: float
) -> None:
    evaluation = replace(an_evaluation(gain=0.0, half_interval=0.0, metric=metric), constant_score=constant)
    assert margin_of(GatePolicy(), evaluation) == pytest.approx(margin)
    assert floor_of(GatePolicy(), evaluation) == floor
    assert (margin_of(POLICY, evaluation), floor_of(POLICY, evaluation)) == (0.01, 0.55)


@pytest.mark.parametrize(("value", "passed"), [(0.51, True), (0.49, False)])
def test_a_first_model_is_better_than_a_constant_prediction(value: float, passed: bool) -> None:
    judged = an_evaluation(gain=0.0, half_interval=0.0)
    score = replace(judged.contender_score, value=value)
    first = replace(judged, champion_score=None, difference=None, contender_score=score, constant_score=0.5)
    assert judge_contender(first, GatePolicy()).passed is passed


def test_what_rests_on_one_day_says_so() -> None:
    sentence = judge_contender(an_evaluation(gain=0.005, half_interval=0.04, days_judged=1), POLICY).sentence
    assert sentence.endswith("on 6000 rows of one day, which says nothing of how days differ")


def a_slice(
    gain: float, half_interval: float | None, metric: Metric = Metric.ROC_AUC_SCORE, level: str = "JFK"
) -> SliceComparison:
    """`half_interval`: None where too few rows have none."""
    difference = gain if metric.higher_is_better else -gain
    interval = None
    if half_interval is not None:
        low, high = difference - half_interval, difference + half_interval
        interval = Difference(value=difference, low=low, high=high, standard_error=half_interval / 2, days=7)
    return SliceComparison(
        column="origin", level=level, rows=300, champion=0.7, contender=0.7 + difference, difference=interval
    )


@pytest.mark.parametrize("metric", [Metric.ROC_AUC_SCORE, Metric.MEAN_ABSOLUTE_ERROR])
@pytest.mark.parametrize(
    ("gain", "half_interval", "verdict"),
    [
        (0.02, 0.01, Finding.BETTER),
        (-0.02, 0.01, Finding.NOT_WORSE),
        (-0.08, 0.01, Finding.WORSE),
        (-0.08, 0.04, Finding.UNKNOWN),
        (0.0, 0.06, Finding.UNKNOWN),
        (-0.2, None, Finding.UNKNOWN),
    ],
)
def test_a_slice_is_worse_where_its_whole_interval_is_beyond_the_margin(
    metric: Metric, gain: float, half_interval: float | None, verdict: Finding
) -> None:
    difference = a_slice(gain, half_interval, metric).difference
    assert judge_difference(difference, margin=0.05, higher_is_better=metric.higher_is_better) is verdict


def test_a_slice_that_is_worse_refuses_a_contender_and_is_named_with_its_interval() -> None:
    policy = replace(POLICY, slices=(SliceSpec(column="origin", margin=0.05),))
    slices = (a_slice(-0.08, 0.01, level="EWR"), a_slice(-0.09, 0.01), a_slice(-0.2, 0.3, level="LGA"))
    evaluation = replace(an_evaluation(gain=0.02), slices=slices)
    assert judge_contender(evaluation, policy).sentence == (
        "on origin=JFK the contender has 0.6100 against 0.7000 (300 rows, -0.0900 [-0.1000, -0.0800]), "
        "worse by more than 0.05"
    )
    assert [verdict for _, verdict in judged_slices(evaluation, policy)] == [
        Finding.WORSE,
        Finding.WORSE,
        Finding.UNKNOWN,
    ]
    assert judge_contender(replace(evaluation, slices=slices[2:]), policy).reason is GateReason.BETTER


def by_guard(metric: Guard, difference: float, half_interval: float) -> GuardComparison:
    return GuardComparison(
        metric=metric,
        champion=0.5,
        contender=0.5 + difference,
        difference=Difference(
            value=difference,
            low=difference - half_interval,
            high=difference + half_interval,
            standard_error=half_interval / 2,
            days=7,
        ),
    )


@pytest.mark.parametrize(
    ("log_loss", "calibration", "passed"),
    [((0.0, 0.02), (0.0, 0.02), True), ((0.05, 0.02), (0.0, 0.02), False), ((0.0, 0.02), (0.05, 0.02), False)],
)
def test_what_is_better_by_the_metric_and_shown_to_be_worse_by_a_guard_is_refused(
    log_loss: tuple[float, float], calibration: tuple[float, float], passed: bool
) -> None:
    policy = replace(POLICY, guards={Metric.LOG_LOSS: 0.01, GuardMetric.EXPECTED_CALIBRATION_ERROR: 0.02})
    guards = (
        by_guard(Metric.LOG_LOSS, *log_loss),
        by_guard(GuardMetric.EXPECTED_CALIBRATION_ERROR, *calibration),
    )
    evaluation = replace(an_evaluation(gain=0.02), guards=guards)
    verdict = judge_contender(evaluation, policy)
    assert verdict.passed is passed
    assert verdict.reason is (GateReason.BETTER if passed else GateReason.GUARD_WORSE)
    assert {finding for _, finding in judged_guards(evaluation, policy)} <= {Finding.UNKNOWN, Finding.WORSE}


def test_the_guard_that_refused_is_named_with_its_interval() -> None:
    policy = replace(POLICY, guards={Metric.LOG_LOSS: 0.01})
    evaluation = replace(an_evaluation(gain=0.02), guards=(by_guard(Metric.LOG_LOSS, 0.05, 0.02),))
    assert judge_contender(evaluation, policy).sentence == (
        "by log_loss the contender has 0.5500 against 0.5000 (+0.0500 [+0.0300, +0.0700]), worse by more than 0.01"
    )
