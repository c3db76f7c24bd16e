"""Whatever the documentation lists is served as it predicts: row by row, column by column, on rows of every kind."""

from typing import Any

import numpy as np
import pytest

from evertrain.conversion import check_parity, to_flat
from evertrain.domain.project.model import ModelSpec
from evertrain.scoring import FlatModel
from evertrain.tables.columnar_model import predict_columns
from evertrain.tables.labelled_rows import LabelledRows
from tests.builders.estimators import CLASSIFIERS, OF_TWO_CLASSES, REGRESSORS, TRANSFORMERS, VARIANTS, fitted
from tests.builders.models import a_model, a_model_of_classes
from tests.builders.supported_models import tolerance
from tests.builders.training_frames import delay, late, lateness, training_frame, training_table
from tests.unit.conversion.test_flat import regression

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("name", [*CLASSIFIERS, *VARIANTS, *TRANSFORMERS])
def test_a_classifier(name: str) -> None:
    estimator = (CLASSIFIERS | VARIANTS | TRANSFORMERS)[name]
    frame = training_frame(500)
    assert_served_as_it_predicts(fitted(estimator, frame, late(frame)), a_model(), tolerance(name))


@pytest.mark.parametrize("name", sorted({*CLASSIFIERS, *VARIANTS, *TRANSFORMERS} - OF_TWO_CLASSES))
def test_a_classifier_of_three_classes(name: str) -> None:
    estimator = (CLASSIFIERS | VARIANTS | TRANSFORMERS)[name]
    frame = training_frame(500)
    assert_served_as_it_predicts(fitted(estimator, frame, lateness(frame)), a_model_of_classes(), tolerance(name))


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regressor(name: str) -> None:
    frame = training_frame(500)
    truth = np.abs(delay(frame)) + 1.0
    assert_served_as_it_predicts(fitted(REGRESSORS[name], frame, truth), regression(), tolerance(name))


def assert_served_as_it_predicts(estimator: Any, spec: ModelSpec, tolerance: float) -> None:
    flat = FlatModel.from_bytes(to_flat(estimator, spec))
    others = training_frame(400, seed=7)
    largest = max(1.0, float(np.abs(estimator.predict(others)).max()))
    assert check_parity(estimator, others, flat) < tolerance * largest
    table = training_table(300, seed=8, missing=0.3)
    row_by_row = np.array(flat.predict(LabelledRows("rows", table, spec).to_records(flat.feature_names)))
    np.testing.assert_allclose(predict_columns(flat, table), row_by_row, rtol=1e-12, atol=1e-12)
