"""A page shows what one policy did: marks where something happened, and decisions with holds in a row as one."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from evertrain.domain.project.metric import Metric
from evertrain.replay.comparison import compare_policies
from evertrain.replay.page import backtest_page
from evertrain.replay.policies import DECLARED, NEVER
from evertrain.replay.result import BatchDecision, PolicyResult
from evertrain.reports.backtest_page import BacktestPage
from tests.builders.history import FIRST_DAY, a_history, history_frame


def a_decision(batch: int, action: str, reason: str, **others: Any) -> BatchDecision:
    at = FIRST_DAY + timedelta(days=batch + 1)
    return BatchDecision(batch=batch, at=at, action=action, reason=reason, sentence=f"sentence {batch}", **others)


def a_result(policy: str = "declared", *decisions: BatchDecision, **others: Any) -> PolicyResult:
    given: dict[str, Any] = {"metric_by_batch": (0.7,) * 20, "quarantined": (), "drifted": (), "doubted": ()}
    return PolicyResult(
        policy=policy,
        metric_name="roc_auc_score",
        metric=None,
        regret=None,
        rows_by_batch=(60,) * 20,
        decisions=decisions,
        fits=1,
        fit_seconds=0.1,
        seconds=2.0,
        **(given | others),
    )


@pytest.fixture
def history(tmp_path: Path) -> Any:
    return a_history(tmp_path, history_frame(batches=20))


def page_of(history: Any, *results: PolicyResult) -> BacktestPage:
    return backtest_page(compare_policies(history, results, start=0), history)


def test_holds_for_one_reason_in_a_row_are_one_entry_and_nothing_to_do_is_none(history: Any) -> None:
    result = a_result(
        "declared",
        a_decision(1, "retrain", "no_champion_yet", outcome="ModelPromoted", outcome_sentence="the first model"),
        a_decision(2, "hold", "cooldown"),
        a_decision(3, "hold", "nothing_to_do"),
        a_decision(4, "hold", "cooldown"),
        a_decision(4, "hold", "cooldown"),
        a_decision(5, "hold", "labels_immature"),
        a_decision(6, "escalate", "feed_broken"),
        a_decision(7, "escalate", "feed_broken"),
        a_decision(8, "retrain", "features_drifted", features=("wind",), outcome="ContenderRejected"),
    )
    told = [
        (entry.action, entry.reason, entry.batches, entry.sentence, entry.outcome)
        for entry in page_of(history, result).calendar
    ]
    assert told == [
        ("retrain", "no champion yet", 1, "sentence 1", "promoted"),
        ("hold", "cooldown", 2, "sentence 4", ""),
        ("hold", "labels immature", 1, "sentence 5", ""),
        ("escalate", "feed broken", 1, "sentence 6", ""),
        ("escalate", "feed broken", 1, "sentence 7", ""),
        ("retrain", "features drifted", 1, "sentence 8", "rejected"),
    ]


def test_marks_are_where_the_policy_promoted_rejected_called_set_aside_and_saw_drift(history: Any) -> None:
    result = a_result(
        "declared",
        a_decision(1, "retrain", "no_champion_yet", outcome="ModelPromoted", outcome_sentence="the first model"),
        a_decision(8, "retrain", "features_drifted", outcome="ContenderRejected", outcome_sentence="worse"),
        a_decision(9, "escalate", "feed_broken"),
        quarantined=(9,),
        drifted=(7, 8),
        doubted=(6,),
    )
    marks = [(mark.batch, mark.kind.value, mark.text) for mark in page_of(history, result).marks]
    assert marks == [
        (1, "promoted", "promoted: the first model"),
        (8, "rejected", "rejected: worse"),
        (9, "person called", "person called: sentence 9"),
        (9, "set aside", ""),
        (6, "doubtful", ""),
        (7, "drifted", ""),
        (8, "drifted", ""),
    ]


def test_the_declared_policy_is_emphasised_and_the_first_where_it_was_not_replayed(history: Any) -> None:
    assert page_of(history, a_result("never"), a_result("declared")).emphasised == "declared"
    assert page_of(history, a_result("adwin"), a_result("never")).emphasised == "adwin"


@pytest.mark.parametrize(
    ("metric", "axis"),
    [
        (Metric.ROC_AUC_SCORE, "roc_auc_score (higher is better)"),
        (Metric.LOG_LOSS, "log_loss, in nats (lower is better)"),
        (Metric.ROOT_MEAN_SQUARED_ERROR, "root_mean_squared_error, in the unit of late (lower is better)"),
    ],
)
def test_a_metric_is_named_with_its_unit_and_direction(history: Any, metric: Metric, axis: str) -> None:
    spec = replace(history.spec, metric=metric, task=metric.task)
    assert page_of(replace(history, spec=spec), a_result()).metric_axis == axis


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ((0.7,) * 10 + (0.8,) * 10, "improved roc_auc_score by 0.15 ± 0.0274 (0.75 against 0.6) for 1"),
        ((0.6,) * 20, "improved roc_auc_score by 0 ± 0 (0.6 against 0.6), which may be chance, for 1"),
        (
            (0.3,) * 10 + (0.8,) * 10,
            "worsened roc_auc_score by 0.05 ± 0.137 (0.55 against 0.6), which may be chance,",
        ),
        ((None,) * 19 + (0.7,), "improved roc_auc_score by 0.1 (0.7 against 0.6) for 1"),
    ],
)
def test_a_gain_is_told_with_what_chance_leaves_open(history: Any, declared: Any, said: str) -> None:
    """Runs of two batches are left out in turn; one batch alone says nothing of how others would have been."""
    decisions = [a_decision(1, "retrain", "no_champion_yet"), a_decision(2, "retrain", "period_elapsed")]
    results = a_result(DECLARED, *decisions, metric_by_batch=declared), a_result(NEVER, metric_by_batch=(0.6,) * 20)
    found = compare_policies(history, results, start=0)
    assert found.answer.startswith(f"Retraining would have {said}"), found.answer
    page = backtest_page(found, history)
    assert [curve.gain for curve in page.curves] == [str(found.gains[DECLARED]), ""]
    assert str(found.gains[DECLARED]) in page.render()


def test_without_never_nothing_is_told_of_a_gain_over_it(history: Any) -> None:
    found = compare_policies(history, [a_result(DECLARED), a_result("periodic")], start=0)
    assert found.gains == {}
    assert [curve.gain for curve in backtest_page(found, history).curves] == ["", ""]


def test_a_history_of_which_nothing_was_scored_is_a_page(history: Any) -> None:
    page = page_of(history, a_result(metric_by_batch=(None,) * 20))
    assert page.answer.startswith(
        "Nothing can be compared: no policy came to a model: a first model takes 150 or more"
    )
    assert page.answer in page.render()
