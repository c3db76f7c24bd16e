"""A row that stands for several is learnt from as several; an estimator that cannot is refused by name."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from evertrain.conversion.fitting import UnsupportedEstimator, fit

FRAME = pd.DataFrame({"distance": [1.0, 2.0, 3.0, 4.0], "wind": [0.0, 3.0, 1.0, 2.0]})
TRUTH, WEIGHTS = np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 1.0, 3.0, 2.0])


def test_the_last_step_of_a_pipeline_learns_from_a_weighted_row_as_from_several() -> None:
    weighted, repeated = (Pipeline([("model", make_pipeline(LogisticRegression()))]) for _ in range(2))
    fit(weighted, FRAME, TRUTH, WEIGHTS)
    places = np.repeat(np.arange(4), WEIGHTS.astype(int))
    fit(repeated, FRAME.iloc[places], TRUTH[places], None)
    assert weighted.predict_proba(FRAME) == pytest.approx(repeated.predict_proba(FRAME), abs=1e-4)


def test_an_estimator_that_cannot_weigh_rows_is_refused_only_where_they_have_weights() -> None:
    neighbours = make_pipeline(StandardScaler(), KNeighborsClassifier(2))
    fit(neighbours, FRAME, TRUTH, None)
    with pytest.raises(UnsupportedEstimator, match="fit of KNeighborsClassifier takes no sample_weight"):
        fit(neighbours, FRAME, TRUTH, WEIGHTS)
