"""Which setting is chosen, what is tried, and how one is written."""

import json
from dataclasses import replace
from datetime import timedelta
from math import inf, isinf

import numpy as np
import pytest

from evertrain.adapters.project.files import load_project
from evertrain.cli.tune import to_document
from evertrain.domain.project.metric import Metric
from evertrain.replay.differences import Difference, difference_between
from evertrain.replay.result import PolicyResult
from evertrain.replay.settings import Setting, other_settings
from evertrain.replay.tuning import AS_DECLARED, Proof, Trial, Tuning, choose
from tests.builders.models import a_model
from tests.builders.projects import MODEL, a_project_folder

DAY = timedelta(days=1)
OFTEN, SELDOM = Setting((("triggers.every", "14d"),)), Setting((("triggers.every", "56d"),))


def a_trial(setting: Setting, *, gain: float, error: float = 0.01, retrains: int = 5, batches: int = 50) -> Trial:
    difference = Difference(value=gain, standard_error=error, batches=batches)
    return Trial(setting=setting, metric=0.7 + gain, difference=difference, retrains=retrains)


@pytest.mark.parametrize(
    ("often", "seldom", "chosen"),
    [
        ({"gain": 0.03}, {"gain": 0.02}, OFTEN),
        ({"gain": 0.009}, {"gain": -0.02}, AS_DECLARED),  # within a standard error, for as many retrainings
        ({"gain": 0.009, "retrains": 9}, {"gain": 0.001, "retrains": 2}, SELDOM),  # as good, for fewer
        ({"gain": 0.03, "retrains": 9}, {"gain": 0.001, "retrains": 2}, OFTEN),
        ({"gain": 0.5, "error": inf}, {"gain": -0.5}, AS_DECLARED),
        ({"gain": 0.03, "batches": 40}, {"gain": 0.001, "retrains": 2, "batches": 20}, AS_DECLARED),
    ],
)
def test_better_by_a_standard_error_is_chosen_or_as_good_for_fewer(
    often: dict[str, float], seldom: dict[str, float], chosen: Setting
) -> None:
    trials = [a_trial(OFTEN, **often), a_trial(SELDOM, **seldom)]  # type: ignore[arg-type]
    assert choose(trials, a_trial(AS_DECLARED, gain=0.0)) == chosen


def a_result(values: list[float | None], *, rows: int = 100) -> PolicyResult:
    return PolicyResult(
        policy="declared",
        metric_name="roc_auc_score",
        metric=None,
        regret=None,
        metric_by_batch=tuple(values),
        rows_by_batch=(rows,) * len(values),
        decisions=(),
        quarantined=(),
        drifted=(),
        doubted=(),
        fits=0,
        fit_seconds=0.0,
        seconds=0.0,
    )


def test_a_difference_counts_batches_that_both_have_predicted_and_its_sign_is_that_of_better() -> None:
    one, other = a_result([None, 0.8, 0.9, 0.7]), a_result([0.5, 0.7, None, 0.6])
    found = difference_between(one, other, range(4), Metric.ROC_AUC_SCORE)
    assert (round(found.value, 6), found.batches) == (0.1, 2)
    assert difference_between(one, other, range(4), Metric.LOG_LOSS).value == pytest.approx(-0.1)
    assert isinf(difference_between(one, a_result([None] * 4), range(4), Metric.ROC_AUC_SCORE).standard_error)


def test_the_interval_holds_the_truth_about_as_often_as_it_says_where_batches_are_alike() -> None:
    """Neighbouring batches share half of their luck."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(200):
        noise = rng.normal(size=61)
        gains = 0.01 + 0.02 * (noise[1:] + noise[:-1]) / 2
        found = difference_between(
            a_result([0.7 + float(gain) for gain in gains]), a_result([0.7] * 60), range(60), Metric.ROC_AUC_SCORE
        )
        low, high = found.interval
        held += low <= 0.01 <= high
    assert 165 <= held <= 195


def test_what_is_tried_can_be_declared_and_is_not_what_is_declared(tmp_path: object) -> None:
    root = a_project_folder(tmp_path)  # type: ignore[arg-type]
    declared = load_project(root).models["trips"]
    found = list(other_settings(declared, batch=DAY))
    assert Setting((("triggers.every", "14d"),)) in found
    assert Setting((("training.windows", ("7d", "since_change")),)) in found
    for setting in found:
        changed = load_project(root, model_texts={"trips": setting.written_into(MODEL)}).models["trips"]
        assert replace(changed, triggers=declared.triggers, training=declared.training) == declared


def test_lengths_are_whole_batches() -> None:
    weekly = [str(each) for each in other_settings(a_model(), batch=7 * DAY)]
    assert 'triggers.every = "14d"' in weekly
    assert 'triggers.cooldown = "7d"' not in weekly or 'triggers.cooldown = "14d"' in weekly
    assert not [each for each in weekly if '"0' in each]


def test_a_setting_is_written_where_its_table_is_missing_and_comments_stay() -> None:
    setting = Setting((("triggers.drift.of_last", 3), ("triggers.every", "14d")))
    written = setting.written_into(MODEL)
    assert 'every = "14d" # once a month is what the team can review' in written
    assert "[triggers.drift]\nof_last = 3" in written
    assert Setting().written_into(MODEL) == MODEL


def a_tuning(gain: float, error: float) -> Tuning:
    proof = Proof(
        declared=0.7,
        chosen=0.7 + gain,
        difference=Difference(value=gain, standard_error=error, batches=32),
        declared_retrains=3,
        chosen_retrains=6,
    )
    trials = (a_trial(OFTEN, gain=0.03), a_trial(AS_DECLARED, gain=0.0))
    return Tuning(
        metric=Metric.ROC_AUC_SCORE,
        searched=48,
        unseen=32,
        trials=trials,
        chosen=OFTEN,
        proof=proof,
        text="",
    )


@pytest.mark.parametrize(
    ("gain", "error", "confirmed", "sentence"),
    [
        (
            0.02,
            0.005,
            True,
            'triggers.every = "14d" would have been better: roc_auc_score better by 0.0200 [0.0118, 0.0282] (0.7200 '
            "against 0.7000) on the 32 batches that the search has not seen, for 6 retrainings instead of 3.",
        ),
        (
            0.02,
            0.015,
            True,
            'triggers.every = "14d" would have been better: roc_auc_score better by 0.0200 [-0.0047, 0.0447] (0.7200 '
            "against 0.7000) on the 32 batches that the search has not seen, for 6 retrainings instead of 3; chance "
            "is not ruled out.",
        ),
        (
            0.02,
            0.05,
            False,
            'Keep what is declared: triggers.every = "14d" was the best of 1 on the first 48 batches, and the rest '
            "does not confirm it: roc_auc_score better by 0.0200 [-0.0622, 0.1023] (0.7200 against 0.7000) on the 32 "
            "batches that the search has not seen, for 6 retrainings instead of 3.",
        ),
        (
            -0.01,
            0.005,
            False,
            'Keep what is declared: triggers.every = "14d" was the best of 1 on the first 48 batches, and the rest '
            "does not confirm it: roc_auc_score worse by 0.0100 [-0.0182, -0.0018] (0.6900 against 0.7000) on the 32 "
            "batches that the search has not seen, for 6 retrainings instead of 3.",
        ),
    ],
)
def test_the_answer_says_what_the_unseen_batches_say(
    gain: float, error: float, confirmed: bool, sentence: str
) -> None:
    found = a_tuning(gain, error)
    assert found.is_confirmed is confirmed
    assert found.answer == sentence


def test_what_is_written_for_scripts_is_json_although_a_setting_or_an_error_is_infinite() -> None:
    never = Setting((("triggers.rows_grown_by", inf),))
    found = replace(a_tuning(0.1, inf), chosen=never, trials=(a_trial(never, gain=0.1, error=inf),))
    document = json.loads(json.dumps(to_document(found), allow_nan=False))
    assert document["chosen"] == {"triggers.rows_grown_by": "inf"}
    assert (document["trials"][0]["standard_error"], document["proof"]["interval"]) == (None, None)
    assert "rows_grown_by = inf" in never.written_into(MODEL)


def test_where_nothing_is_better_the_answer_is_to_keep_what_is_declared() -> None:
    found = replace(a_tuning(0.0, 0.1), chosen=AS_DECLARED, proof=None)
    assert found.answer.startswith("Keep what is declared: of 1 other settings none was better")
