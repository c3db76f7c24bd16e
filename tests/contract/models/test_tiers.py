"""What a model promises whoever asks it, of whichever tier it is."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.pipeline import make_pipeline

from evertrain.conversion import check_parity
from evertrain.conversion.rows import rows_of
from evertrain.domain.project.metric import Metric, Task
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.policies import EndpointPolicy, Tier
from evertrain.scoring import InvalidArtifact, InvalidRow, ServableModel, validate_rows
from evertrain.sklearn_tier.reading import read_model
from evertrain.sklearn_tier.writing import to_artifact
from evertrain.tables.labelled_rows import predict_table
from tests.builders.estimators import plain
from tests.builders.models import a_model
from tests.builders.training_frames import delay, late, training_frame, training_table

FRAME = training_frame()


@pytest.fixture(params=list(Tier))
def tier(request: pytest.FixtureRequest) -> Tier:
    return request.param


def spec_of(tier: Tier, *, task: Task = Task.CLASSIFICATION) -> ModelSpec:
    spec = replace(a_model(), endpoint=EndpointPolicy(tier=tier))
    return spec if task is Task.CLASSIFICATION else replace(spec, task=task, metric=Metric.ROOT_MEAN_SQUARED_ERROR)


def forest() -> Any:
    return make_pipeline(plain(), RandomForestClassifier(5, random_state=0)).fit(FRAME, late(FRAME))


def served(estimator: Any, spec: ModelSpec) -> ServableModel:
    return read_model(to_artifact(estimator, spec, FRAME), root=Path())


def strange(change: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    return change(training_frame(40, seed=3))


def test_it_answers_as_its_estimator_does_and_has_its_schema(tier: Tier) -> None:
    estimator, spec = forest(), spec_of(tier)
    model = served(estimator, spec)
    assert (model.model, model.task, model.feature_names) == (spec.name, spec.task, spec.feature_names)
    assert [each.nullable for each in model.features] == [each.nullable for each in spec.features]
    assert check_parity(estimator, training_frame(200, seed=5), model) <= model.tolerance


def test_a_regression_answers_numbers(tier: Tier) -> None:
    estimator = make_pipeline(plain(), RandomForestRegressor(5, random_state=0))
    model = served(estimator.fit(FRAME, delay(FRAME)), spec_of(tier, task=Task.REGRESSION))
    np.testing.assert_allclose(model.predict(rows_of(FRAME, model)), estimator.predict(FRAME), rtol=1e-12)


def test_many_rows_at_once_are_answered_as_one_by_one_also_with_gaps_and_unseen_levels(tier: Tier) -> None:
    model = served(forest(), spec_of(tier))
    table = training_table(300, seed=7, missing=0.3)
    carriers = [each if place % 7 else "ZZ" for place, each in enumerate(table["carrier"].to_pylist())]
    table = table.set_column(
        table.column_names.index("carrier"), "carrier", pa.chunked_array([carriers[:9], carriers[9:]])
    )
    rows = table.to_pylist()
    one_by_one = [model.predict([row])[0] for row in rows[:60]]
    np.testing.assert_allclose(model.predict(rows)[:60], one_by_one, rtol=1e-12)
    np.testing.assert_allclose(predict_table(model, table, classes=()), model.predict(rows), rtol=1e-12)


def test_no_rows_have_no_predictions(tier: Tier) -> None:
    model = served(forest(), spec_of(tier))
    assert model.predict([]) == []
    assert predict_table(model, training_table(3).slice(0, 0), classes=()).shape == (0,)


def test_what_an_example_says_can_be_asked_and_what_does_not_fit_is_named(tier: Tier) -> None:
    model = served(forest(), spec_of(tier))
    example = {each.name: each.example for each in model.features}
    assert 0 <= model.predict(validate_rows([example], model.features))[0] <= 1
    assert example["carrier"] == "AA"
    with pytest.raises(InvalidRow, match="carrier: must be text, not a number"):
        validate_rows([example | {"carrier": 3}], model.features)


def test_equal_estimators_have_equal_bytes_and_names_of_classes_are_kept(tier: Tier) -> None:
    spec = spec_of(tier)
    spec = replace(spec, label=replace(spec.label, classes=("in time", "late")))
    first, second = (to_artifact(forest(), spec, FRAME) for _ in range(2))
    assert first == second
    assert read_model(first, root=Path()).classes == ("in time", "late")


@pytest.mark.parametrize("cut", [0, 1, 30, 200, -1])
def test_what_is_cut_off_is_refused_in_one_sentence(tier: Tier, cut: int) -> None:
    data = to_artifact(forest(), spec_of(tier), FRAME)[:cut]
    with pytest.raises(InvalidArtifact, match=r"^[^\n]+$"):
        read_model(data, root=Path())
