"""What people read of how good predictions turned out to be."""

import pytest

from evertrain.domain.project.metric import Metric, ModelMetric, OwnMetric, Task
from evertrain.terminal import show
from evertrain.terminal.console import console
from evertrain.use_cases.monitoring.performance_status import performance_status
from tests.builders.performance import a_performance


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        (Metric.ACCURACY_SCORE, "promised at the gate: accuracy_score 0."),
        (
            OwnMetric("cost_error", Task.CLASSIFICATION),
            "which stands for cost_error from day to day, on",
        ),
    ],
    ids=str,
)
def test_a_function_of_the_model_s_own_is_named_with_what_stands_for_it(metric: ModelMetric, told: str) -> None:
    status = performance_status(a_performance([1.0] * 10), metric)
    with console.capture() as shown:
        show.performance(status, days=3)
    text = " ".join(shown.get().split())
    assert told in text
    assert "is not defined" not in text
