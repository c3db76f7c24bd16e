"""A metric of the model's own: a function in its folder, loaded like its estimator."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evertrain.adapters.documents import dump, load
from evertrain.adapters.training.own_metrics import InvalidMetric, load_metric, model_code
from evertrain.domain.project.metric import Metric, ModelMetric, OwnMetric, PinballLoss, Task
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.training.evaluation import Score
from evertrain.statistics.comparison import compare, score
from evertrain.statistics.metrics import LoadedMetric, constant_score, metric_value
from tests.builders.models import a_model

COST = """
import numpy as np

def cost_error(y_true, y_pred, sample_weight=None):
    alarm = y_pred > 0.2
    return np.average(5 * (y_true > alarm) + (alarm > y_true), weights=sample_weight)
"""


def a_spec(name: str = "cost_error") -> ModelSpec:
    return replace(a_model("trips"), metric=OwnMetric(name, Task.CLASSIFICATION))


def loaded(root: Path, text: str = COST, name: str = "cost_error") -> LoadedMetric:
    folder = root / "models" / "trips"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metric.py").write_text(text)
    found = load_metric(root, a_spec(name))
    assert isinstance(found, LoadedMetric)
    return found


def judged() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    prediction = rng.random(700)
    return (rng.random(700) < prediction).astype(float), prediction, np.repeat(np.arange(7), 100)


def test_it_is_computed_with_weights_and_has_an_interval_as_any_metric(tmp_path: Path) -> None:
    metric = loaded(tmp_path)
    truth, prediction, days = judged()
    alarm = prediction > 0.2
    costs = np.where(truth > alarm, 5.0, np.where(alarm > truth, 1.0, 0.0))
    weights = np.arange(1.0, 701.0)
    assert metric_value(metric, truth, prediction, weights) == pytest.approx(np.average(costs, weights=weights))
    found = score(metric, truth, prediction, days, confidence=0.9)
    assert (found.metric, found.metric.higher_is_better) == (OwnMetric("cost_error", Task.CLASSIFICATION), False)
    by_day = costs.reshape(7, 100).mean(axis=1)
    assert compare(metric, truth, np.zeros(700), prediction, days).spread.degrees == 6
    assert found.high - found.value == pytest.approx(1.943 * by_day.std(ddof=1) / np.sqrt(7), rel=0.02)


def test_the_best_constant_is_found_by_trying(tmp_path: Path) -> None:
    truth, _, _ = judged()
    assert constant_score(loaded(tmp_path), truth) == pytest.approx(np.mean(truth == 0)), "an alarm for everything"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "def cost_error(y_true, y_pred, sample_weight):\n    return 1 / 0",
            "cost_error raised ZeroDivisionError",
        ),
        (
            "def cost_error(y_true, y_pred, sample_weight):\n    return y_true",
            "answers a ndarray, and not a numb",
        ),
        ("def cost_error(y_true, y_pred):\n    return 1.0", "cost_error raised TypeError"),
        ("raise ValueError('no')", "models/trips/metric.py: importing it raised ValueError: no"),
        ("other = 1", "models/trips/metric.py: no function cost_error"),
    ],
)
def test_what_is_wrong_with_it_is_one_sentence(tmp_path: Path, text: str, told: str) -> None:
    truth, prediction, _ = judged()
    with pytest.raises(InvalidMetric, match=told):
        metric_value(loaded(tmp_path, text), truth, prediction)


def test_it_cannot_change_what_others_are_given(tmp_path: Path) -> None:
    text = "def cost_error(y_true, y_pred, sample_weight=None):\n    y_true[:] = 0\n    return y_true.sum()"
    truth, prediction, _ = judged()
    assert metric_value(loaded(tmp_path, text), truth, prediction) == 0.0
    assert truth.any()


def test_it_is_part_of_the_model_s_code(tmp_path: Path) -> None:
    loaded(tmp_path)
    assert model_code(tmp_path, "trips") == [tmp_path / "models/trips/metric.py"]


@pytest.mark.parametrize(
    "metric", [Metric.LOG_LOSS, PinballLoss(0.9), OwnMetric("cost_error", Task.REGRESSION)], ids=str
)
def test_documents_keep_which_metric_it_is(metric: ModelMetric) -> None:
    written = Score(metric=metric, value=0.5, low=0.4, high=0.6, rows=100)
    assert load(Score, dump(written)) == written
