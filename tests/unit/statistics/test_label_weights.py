"""Labels that come only where something was done: weighted, they speak for everyone who was asked about."""

import numpy as np
import pytest

from evertrain.domain.project.metric import Metric
from evertrain.statistics.label_weights import effective_count, label_weights
from evertrain.statistics.metrics import metric_value

Array = np.ndarray


def loans(*, rows: int = 20_000, share: float = 0.05, seed: int = 0) -> tuple[Array, Array, Array]:
    """What was predicted, whether it is paid back, and whether it was explored. Predictions are too high throughout
    the refused half, which nobody can see who looks at granted loans."""
    rng = np.random.default_rng(seed)
    predictions = rng.random(rows)
    chance = np.where(predictions > 0.5, 0.4 * predictions, predictions)
    return predictions, (rng.random(rows) < chance).astype(float), rng.random(rows) < share


def test_weighted_rows_speak_for_all_and_plain_ones_for_those_that_were_granted() -> None:
    predictions, defaulted, explored = loans()
    labelled = explored | (predictions < 0.5)
    weights = label_weights(predictions, explored=explored, shares=np.full(20_000, 0.05), labelled=labelled)
    truth, weights = defaulted[labelled], weights[labelled]
    assert np.average(truth, weights=weights) == pytest.approx(defaulted.mean(), abs=0.03)  # three standard errors
    assert weights.sum() == pytest.approx(20_000, rel=0.1)
    whole = metric_value(Metric.ROC_AUC_SCORE, defaulted, predictions)
    weighted = metric_value(Metric.ROC_AUC_SCORE, truth, predictions[labelled], weights)
    assert weighted == pytest.approx(whole, abs=0.02)
    assert abs(metric_value(Metric.ROC_AUC_SCORE, truth, predictions[labelled]) - whole) > 0.05


def test_over_many_histories_the_mean_is_right() -> None:
    """Of thirty, no bias beside the error of their mean, although each has only some fifty explored labels."""
    misses = []
    for seed in range(30):
        predictions, defaulted, explored = loans(rows=2_000, seed=seed)
        labelled = explored | (predictions < 0.5)
        weights = label_weights(predictions, explored=explored, shares=np.full(2_000, 0.05), labelled=labelled)
        misses.append(np.average(defaulted[labelled], weights=weights[labelled]) - defaulted.mean())
    assert abs(np.mean(misses)) < 3 * np.std(misses) / np.sqrt(30)


def test_where_a_label_comes_whatever_was_predicted_rows_weigh_about_the_same() -> None:
    predictions, _, explored = loans()
    labelled = np.random.default_rng(1).random(20_000) < 0.9  # the rest is lost
    weights = label_weights(predictions, explored=explored, shares=np.full(20_000, 0.05), labelled=labelled)
    assert np.mean(weights[labelled]) == pytest.approx(1 / 0.9, rel=0.02)
    assert np.std(weights[labelled]) < 0.06


def test_only_some_of_what_was_to_be_explored_is() -> None:
    """Half of the callers do not heed the flag: each that does speaks for twice as many."""
    predictions, _, explored = loans()
    heeded = np.random.default_rng(1).random(20_000) < 0.5
    labelled = np.where(explored & (predictions >= 0.5), heeded, predictions < 0.5)
    weights = label_weights(predictions, explored=explored, shares=np.full(20_000, 0.05), labelled=labelled)
    assert np.median(weights[labelled & (predictions > 0.6)]) == pytest.approx(1 / 0.05 / 0.5, rel=0.1)


def test_rows_from_before_exploration_are_spoken_for_by_those_that_were_explored() -> None:
    predictions, _, explored = loans()
    shares = np.where(np.arange(20_000) < 10_000, 0.0, 0.05)
    explored &= shares > 0
    labelled = explored | (predictions < 0.5)
    weights = label_weights(predictions, explored=explored, shares=shares, labelled=labelled)
    assert weights[labelled].sum() == pytest.approx(20_000, rel=0.15)


@pytest.mark.parametrize("labelled", [np.zeros(50, bool), np.ones(50, bool)])
def test_without_exploration_without_labels_and_with_all_of_them(labelled: Array) -> None:
    none = np.zeros(50, bool)
    weights = label_weights(np.full(50, 0.3), explored=none, shares=np.zeros(50), labelled=labelled)
    assert weights.tolist() == [1.0] * 50
    assert label_weights(np.empty(0), explored=none[:0], shares=np.empty(0), labelled=none[:0]).shape == (0,)


def test_few_heavy_rows_say_less_than_many_light_ones() -> None:
    assert effective_count(np.r_[np.ones(1_000), np.full(50, 20.0)]) == pytest.approx(2_000**2 / 21_000)
