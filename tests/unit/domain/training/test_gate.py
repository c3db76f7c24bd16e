"""May the contender replace the champion?"""

from dataclasses import replace

import pytest

from evertrain.domain.project.metric import Metric
from evertrain.domain.project.policies import GatePolicy
from evertrain.domain.training.gate import GateReason, floor_of, judge_contender, margin_of
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
