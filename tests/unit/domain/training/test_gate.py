"""May the contender replace the champion?"""

import pytest

from evertrain.domain.project.metric import Metric
from evertrain.domain.project.policies import GatePolicy
from evertrain.domain.training.gate import GateReason, judge_contender
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
