"""What shuffling a feature costs a model, beside the feature that costs most."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

from evertrain.conversion import to_flat
from evertrain.conversion.frame import to_frame
from evertrain.domain.project.feature_group import Column, FeatureGroup, FeatureKind
from evertrain.domain.project.metric import Metric, Task
from evertrain.domain.project.model import ModelSpec
from evertrain.scoring import FlatModel
from evertrain.tables.importance import permutation_importance
from evertrain.tables.labelled_rows import LabelledRows
from tests.builders.models import NOW, a_model


def a_spec(metric: Metric) -> ModelSpec:
    columns = tuple(Column(name=name, kind=FeatureKind.NUMERIC) for name in ("strong", "weak", "idle"))
    group = FeatureGroup(name="rows", entity_key="key", event_time="event_time", columns=columns)
    base = a_model("rows")
    return ModelSpec(
        name="rows",
        title="y",
        task=Task.REGRESSION,
        metric=metric,
        group=group,
        feature_names=tuple(column.name for column in columns),
        label=base.label,
        triggers=base.triggers,
        training=base.training,
        gate=base.gate,
    )


def fitted(metric: Metric, *, strong: float = 2.0) -> tuple[LabelledRows, FlatModel]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5_000, 3))
    y = strong * x[:, 0] + 0.5 * x[:, 1] + rng.normal(0, 0.1, 5_000)
    spec = a_spec(metric)
    table = pa.table(
        {"key": [str(row) for row in range(5_000)], "event_time": [NOW] * 5_000}
        | {name: x[:, place] for place, name in enumerate(spec.feature_names)}
        | {spec.label.name: y}
    )
    frame = to_frame(table, spec.features)
    model = FlatModel.from_bytes(to_flat(LinearRegression().fit(frame, y), spec))
    return LabelledRows("rows", table, spec), model


@pytest.mark.parametrize("metric", [Metric.MEAN_ABSOLUTE_ERROR, Metric.R2_SCORE])
def test_the_most_costly_feature_has_one_and_an_idle_one_next_to_nothing(metric: Metric) -> None:
    found = permutation_importance(*fitted(metric), metric=metric, rng=np.random.default_rng(0))
    assert found["strong"] == 1.0
    assert 0.01 < found["weak"] < 0.5
    assert found["idle"] < 0.005


def test_the_same_rows_and_seed_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, model = fitted(Metric.MEAN_ABSOLUTE_ERROR)
    first, second = (
        permutation_importance(rows, model, metric=Metric.MEAN_ABSOLUTE_ERROR, rng=np.random.default_rng(3))
        for _ in range(2)
    )
    assert first == second


def test_a_model_that_uses_nothing_has_no_importance() -> None:
    rows, _ = fitted(Metric.MEAN_ABSOLUTE_ERROR)
    frame = to_frame(rows.table, rows.spec.features)
    constant = LinearRegression().fit(frame, np.zeros(5_000))
    model = FlatModel.from_bytes(to_flat(constant, rows.spec))
    assert permutation_importance(rows, model, metric=Metric.MEAN_ABSOLUTE_ERROR, rng=np.random.default_rng(0)) == {}
