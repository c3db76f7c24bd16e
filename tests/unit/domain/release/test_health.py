"""Is a contender well? What is wrong is found with few requests, and what is well is left alone."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from evertrain.domain.landing.predictions import AnsweredRequest
from evertrain.domain.monitoring.performance import Sums
from evertrain.domain.project.metric import Task
from evertrain.domain.project.prediction import Answer
from evertrain.domain.release.answers import AnswerCounts, Answers, counts_of
from evertrain.domain.release.health import (
    HealthEvidence,
    binomial_tail,
    fisher_exact,
    kolmogorov_smirnov,
    share_of_kept,
    what_is_wrong,
)
from evertrain.statistics.answers import count_answers, predictions_apart
from tests.builders.models import NOW


def answers(
    predictions: list[float],
    *,
    carrier: str = "AA",
    failed: int = 0,
    refused: int = 0,
    milliseconds: float | list[float] = 1.0,
    named: Sequence[Answer] = (),
) -> AnswerCounts:
    """Of so many requests of one row each, and of some without an answer. `named`: predictions of classes a to c."""
    good = requests_of(named or predictions, carrier=carrier, milliseconds=milliseconds)
    bad = [
        AnsweredRequest(
            model="trips",
            model_version="v1",
            prediction_id=f"{trouble}{number}",
            answered_at=NOW,
            rows=(),
            predictions=(),
            trouble=trouble,
        )
        for trouble, count in (("failed", failed), ("refused", refused))
        for number in range(count)
    ]
    return count_answers(Task.CLASSIFICATION, [*good, *bad], columns=["carrier"], classes="abc" if named else "")


def requests_of(
    predictions: Sequence[Answer], *, carrier: str = "AA", milliseconds: float | list[float] = 1.0
) -> list[AnsweredRequest]:
    return [
        AnsweredRequest(
            model="trips",
            model_version="v1",
            prediction_id=f"r{number}",
            answered_at=NOW,
            rows=({"carrier": carrier},),
            predictions=(prediction,),
            milliseconds=milliseconds[number] if isinstance(milliseconds, list) else milliseconds,
        )
        for number, prediction in enumerate(predictions)
    ]


def spread(rows: int, *, seed: int = 0, lift: float = 0.0) -> list[float]:
    return list(np.clip(np.random.default_rng(seed).normal(0.3 + lift, 0.1, rows), 0.01, 0.99))


def evidence(contender: AnswerCounts, champion: AnswerCounts, **changes: object) -> HealthEvidence:
    well = HealthEvidence(
        contender=contender,
        champion=champion,
        share=contender.requests / max(1, contender.requests + champion.requests),
        slow_after=1000.0,
        look=1,
        looks=60,
        apart={"": 0.05, "carrier=AA": 0.05},
    )
    return replace(well, **changes)  # type: ignore[arg-type]


CHAMPION = answers(spread(300, seed=1))


def test_who_answers_like_the_champion_is_well() -> None:
    assert what_is_wrong(evidence(answers(spread(100)), CHAMPION)) == ()


def of_classes(shares: list[float], *, requests: int = 300, seed: int = 0, sure: bool = False) -> AnswerCounts:
    """Requests of a row each, for classes a, b and c with these shares; with probability 1 where `sure`."""
    rng = np.random.default_rng(seed)
    taken = rng.choice(3, requests, p=shares)
    highest = np.ones(requests) if sure else rng.uniform(0.5, 0.9, requests)
    rows = [
        {name: top if index == place else (1 - top) / 2 for index, name in enumerate("abc")}
        for place, top in zip(taken, highest, strict=True)
    ]
    return answers([], named=rows)


def test_of_several_classes_who_answers_like_the_champion_is_well_and_who_prefers_another_class_is_not() -> None:
    champion = of_classes([0.6, 0.3, 0.1], seed=1)
    alike, other = of_classes([0.6, 0.3, 0.1], seed=2), of_classes([0.1, 0.3, 0.6], seed=3)
    assert what_is_wrong(evidence(alike, champion)) == ()
    (sentence,) = {each.replace("where carrier=AA ", "") for each in what_is_wrong(evidence(other, champion))}
    assert "its predictions lie 0." in sentence


def test_of_several_classes_one_for_all_rows_is_constant_and_certainty_of_each_is_not() -> None:
    assert of_classes([1.0, 0.0, 0.0], sure=True).whole.is_constant
    assert not of_classes([0.6, 0.3, 0.1], sure=True).whole.is_constant, "as a tree with pure leaves has it"


def test_what_a_champion_of_two_classes_answers_is_compared_with_a_contender_of_three() -> None:
    predicted = spread(300, seed=1)
    numbers = count_answers(Task.CLASSIFICATION, requests_of(predicted), columns=[], classes="abc")
    named = [{"a": 1 - each, "b": each, "c": 0.0} for each in predicted]
    assert numbers == count_answers(Task.CLASSIFICATION, requests_of(named), columns=[], classes="abc")


def test_before_anybody_asked_nothing_is_wrong() -> None:
    assert what_is_wrong(evidence(AnswerCounts(), AnswerCounts())) == ()


def test_who_fails_is_found_after_a_few_requests() -> None:
    (sentence,) = what_is_wrong(evidence(answers([], failed=4), answers(spread(20)), share=0.1))
    assert sentence == "it failed in 4 of 4 requests, the champion 0 of 20"


def test_who_refuses_what_the_champion_takes_is_found() -> None:
    champion = answers(spread(200, seed=1), refused=10)  # callers make mistakes
    assert what_is_wrong(evidence(answers(spread(60), refused=3), champion)) == ()
    (sentence,) = what_is_wrong(evidence(answers(spread(40), refused=20), champion))
    assert sentence == "it refused 20 of 60 requests, the champion 10 of 210"


def test_who_is_slow_is_found() -> None:
    (sentence,) = what_is_wrong(evidence(answers(spread(40), milliseconds=1800), CHAMPION))
    assert sentence == "it took more than 1,000 ms for 40 of 40 requests, the champion 0 of 300"
    assert what_is_wrong(evidence(answers(spread(40), milliseconds=1800), CHAMPION, slow_after=2000.0)) == ()


def test_whose_calls_end_without_an_answer_is_found() -> None:
    crashing = evidence(AnswerCounts(), CHAMPION, share=0.05)
    (sentence,) = what_is_wrong(crashing)
    assert sentence == (
        "it answered 0 of 300 requests, where its share calls for 15: calls of it end without an answer"
    )
    few = evidence(AnswerCounts(), answers(spread(60)), share=0.05)
    assert what_is_wrong(few) == (), "of 60, none may have been its own by chance"
    assert what_is_wrong(replace(crashing, share=0.0)) == (), "a shadow answers nobody"


def test_who_predicts_one_and_the_same_is_found_also_where_only_one_group_has_it() -> None:
    (sentence,) = what_is_wrong(evidence(answers([0.1 + 0.2] * 120), CHAMPION, apart={}))
    assert sentence == "it predicts 0.3 for all of 120 rows, the champion does not"
    other = answers(spread(400, seed=5), carrier="BB")
    sentences = what_is_wrong(evidence(answers([0.7] * 120) + other, CHAMPION + other, apart={}))
    assert sentences == ("where carrier=AA it predicts 0.7 for all of 120 rows, the champion does not",)


def test_who_turns_out_worse_as_labels_come_in_is_found() -> None:
    worse, same = Sums(count=400, mean=0.52, spread=40.0), Sums(count=400, mean=0.40, spread=40.0)
    well = evidence(answers(spread(100)), CHAMPION)
    (sentence,) = what_is_wrong(replace(well, realised=(worse, same)))
    assert sentence == "on 400 rows whose labels came in its mean loss is 0.52, the champion's 0.4"
    assert what_is_wrong(replace(well, realised=(same, same))) == ()
    few = replace(worse, count=40, spread=4.0), replace(same, count=40, spread=4.0)
    assert what_is_wrong(replace(well, realised=few)) == ()
    slightly = replace(worse, mean=0.41, count=10**6, spread=10.0**5), replace(same, count=10**6, spread=10.0**5)
    assert what_is_wrong(replace(well, realised=slightly)) == (), "the gate has judged on more than that"


def test_where_fewer_of_its_answers_are_kept_fewer_are_expected() -> None:
    """log_share is of the function that was published with it."""
    share = share_of_kept(0.05, kept=0.1, of_champion=1.0)
    assert what_is_wrong(evidence(answers(spread(15)), answers(spread(2850, seed=1)), share=0.05)) != ()
    assert what_is_wrong(evidence(answers(spread(15)), answers(spread(2850, seed=1)), share=share)) == ()


def test_a_large_request_among_small_ones_is_one_witness() -> None:
    """Two models that are the same: one of them happened to be asked a thousand rows of one kind."""
    large = replace(
        AnsweredRequest(
            model="trips", model_version="v1", prediction_id="large", answered_at=NOW, rows=(), predictions=()
        ),
        rows=({"carrier": "AA"},) * 1000,
        predictions=(0.9,) * 1000,
        milliseconds=5.0,
    )
    counts = count_answers(Task.CLASSIFICATION, [large], columns=["carrier"]) + answers(spread(50))
    assert counts.whole.requests == pytest.approx(1.1, abs=0.05)
    assert what_is_wrong(evidence(counts, CHAMPION)) == ()


def test_when_nobody_answers_beside_it_only_failing_is_a_reason() -> None:
    """What callers ask wrongly at that hour says nothing of the contender."""
    nobody = AnswerCounts()
    assert what_is_wrong(evidence(answers(spread(50), refused=30), nobody)) == ()
    assert what_is_wrong(evidence(answers(spread(50), milliseconds=2000.0), nobody)) == ()
    (sentence,) = what_is_wrong(evidence(answers(spread(20), failed=20), nobody))
    assert sentence == "it failed in 20 of 40 requests, no champion beside it"


def test_a_coarse_tree_is_not_taken_for_a_constant() -> None:
    """Of a model with two leaves few requests may all be of one."""
    assert what_is_wrong(evidence(answers([0.3] * 40), CHAMPION, apart={})) == ()


def test_who_predicts_otherwise_than_on_the_gate_s_rows_is_found() -> None:
    lifted = answers(spread(100, lift=0.3))
    (whole,) = what_is_wrong(evidence(lifted, CHAMPION))
    assert whole.startswith("its predictions lie 0.9")
    assert "where on the gate's rows it was 0.05" in whole
    other = answers(spread(400, seed=5), carrier="BB")
    (group,) = what_is_wrong(evidence(lifted + other, CHAMPION + other))
    assert group.startswith("where carrier=AA its predictions lie 0.9")
    # A contender may well predict otherwise than the champion: that is why it was trained.
    assert what_is_wrong(evidence(lifted, CHAMPION, apart={"": 0.85, "carrier=AA": 0.85})) == ()
    assert what_is_wrong(evidence(lifted, CHAMPION, apart={})) == (), "where that was not measured, it is not known"


def test_rows_of_one_request_are_no_independent_witnesses() -> None:
    """A caller that sends a thousand rows of one kind at once tells nothing of who happened to answer."""
    alike = AnsweredRequest(
        model="trips",
        model_version="v1",
        prediction_id="r",
        answered_at=NOW,
        first_row=0,
        rows=({"carrier": "AA"},) * 1000,
        predictions=(0.9,) * 1000,
        milliseconds=5.0,
    )
    counts = count_answers(Task.CLASSIFICATION, [alike], columns=["carrier"])
    assert (counts.requests, counts.whole.rows, counts.whole.requests) == (1, 1000, 1)
    assert what_is_wrong(evidence(counts, CHAMPION)) == ()


def test_of_rollouts_that_are_well_few_are_taken_back_however_often_one_looks() -> None:
    """200 rollouts of 40 looks each: at one in a hundred, more than eight would be a wonder (p < 0.001)."""
    taken_back = 0
    for seed in range(200):
        chance = np.random.default_rng(seed)
        new, old = AnswerCounts(), AnswerCounts()
        for look in range(1, 41):
            both = []
            for requests in (chance.poisson(3), chance.poisson(12)):
                troubles = chance.binomial(requests, 0.02)
                predictions = list(np.clip(chance.normal(0.3, 0.1, requests - troubles), 0.01, 0.99))
                durations = list(chance.exponential(900, len(predictions)))
                both.append(answers(predictions, refused=int(troubles), milliseconds=durations))
            new, old = new + both[0], old + both[1]
            if what_is_wrong(evidence(new, old, look=look, looks=40, share=0.2)):
                taken_back += 1
                break
    assert taken_back <= 8


@pytest.mark.parametrize(
    ("bad", "requests", "other_bad", "other"), [(3, 10, 2, 40), (5, 5, 0, 95), (40, 90, 60, 400)]
)
def test_fisher_s_test_is_scipy_s(bad: int, requests: int, other_bad: int, other: int) -> None:
    table = [[bad, requests - bad], [other_bad, other - other_bad]]
    expected = stats.fisher_exact(table, alternative="greater").pvalue
    assert fisher_exact(bad, requests, other_bad, other) == pytest.approx(expected, rel=1e-9)


def test_the_binomial_tail_is_scipy_s() -> None:
    assert binomial_tail(3, 100, 0.1) == pytest.approx(stats.binom.cdf(3, 100, 0.1), rel=1e-9)


def test_the_distance_is_scipy_s_where_values_are_cells() -> None:
    first, second = np.random.default_rng(0).integers(0, 9, 50), np.random.default_rng(1).integers(0, 7, 80)
    cells = [dict(zip(*np.unique(each, return_counts=True), strict=True)) for each in (first, second)]
    assert kolmogorov_smirnov(*cells) == pytest.approx(stats.ks_2samp(first, second).statistic)


def test_two_models_lie_apart_by_group_as_on_all_rows() -> None:
    first, second = np.array(spread(400)), np.array(spread(400))
    levels = {"carrier": ["AA"] * 100 + ["BB"] * 280 + ["CC"] * 20}
    second[:100] += 0.3
    apart = predictions_apart(Task.CLASSIFICATION, first, second, levels)
    assert set(apart) == {"", "carrier=AA", "carrier=BB"}, "of few rows it would be chance"
    assert apart["carrier=BB"] == 0
    assert apart["carrier=AA"] > 0.8
    assert apart[""] == pytest.approx(apart["carrier=AA"] / 4, abs=0.03)


def test_counts_add_up_to_those_of_all_requests() -> None:
    parts = [answers(spread(30, seed=seed), failed=seed, milliseconds=10.0 * (seed + 1)) for seed in range(3)]
    named = [
        Answers(function_version="7", first_at=NOW, name=str(number), counts=each)
        for number, each in enumerate(parts)
    ]
    total = counts_of([*named, replace(named[0], function_version="6")], "7")
    assert (total.requests, total.failed, total.slower_than(15)) == (93, 3, 60)
    whole = np.concatenate([spread(30, seed=seed) for seed in range(3)])
    assert total.whole.rows == 90
    assert total.whole.predictions.mean == pytest.approx(whole.mean())
    assert total.whole.predictions.spread == pytest.approx(((whole - whole.mean()) ** 2).sum())
    assert total.groups["carrier=AA"] == total.whole
