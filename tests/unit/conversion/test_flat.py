"""The artifact predicts what the estimator predicts, also on what training never saw; the rest is refused by name."""

import gzip
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, PolynomialFeatures, StandardScaler

from evertrain.conversion import ParityError, UnsupportedEstimator, check_parity, to_flat
from evertrain.domain.project.metric import Metric, Task
from evertrain.domain.project.model import ModelSpec
from evertrain.scoring import FlatModel
from tests.builders.models import a_model
from tests.builders.training_frames import CARRIERS, delay, late, training_frame

NUMBERS = ["distance", "wind", "holiday"]


def regression() -> ModelSpec:
    return replace(a_model(), task=Task.REGRESSION, metric=Metric.MEAN_ABSOLUTE_ERROR)


def encoded(carrier: Any) -> ColumnTransformer:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return ColumnTransformer([("numbers", numbers, NUMBERS), ("carrier", carrier, ["carrier"])])


def lenient_codes(**options: Any) -> OrdinalEncoder:
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, **options)


def boosting(**options: Any) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=15, min_samples_leaf=10, random_state=0, **options)


CLASSIFIERS = {
    "boosting with its own categories": boosting(categorical_features="from_dtype"),
    "boosting behind codes": Pipeline(
        [
            ("encode", ColumnTransformer([("c", lenient_codes(), ["carrier"])], remainder="passthrough")),
            ("model", boosting()),
        ]
    ),
    "boosting behind codes that are categories": Pipeline(
        [
            ("encode", ColumnTransformer([("c", lenient_codes(), ["carrier"])], remainder="passthrough")),
            ("model", boosting(categorical_features=[0])),
        ]
    ),
    "logistic regression": Pipeline(
        [("encode", encoded(OneHotEncoder(handle_unknown="ignore"))), ("model", LogisticRegression())]
    ),
    "logistic regression without the first level": Pipeline(
        [("encode", encoded(OneHotEncoder(handle_unknown="ignore", drop="first"))), ("model", LogisticRegression())]
    ),
}
REGRESSORS = {
    "boosting": HistGradientBoostingRegressor(max_iter=15, categorical_features="from_dtype", random_state=0),
    "boosting of a Poisson": HistGradientBoostingRegressor(
        max_iter=15, loss="poisson", categorical_features="from_dtype", random_state=0
    ),
    "linear regression": Pipeline(
        [("encode", encoded(OneHotEncoder(handle_unknown="ignore"))), ("model", LinearRegression())]
    ),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.filterwarnings("ignore:Found unknown categories")
def test_a_classifier_s_artifact_gives_its_probabilities(name: str) -> None:
    frame = training_frame()
    estimator = CLASSIFIERS[name].fit(frame, late(frame))
    flat = FlatModel.from_bytes(to_flat(estimator, a_model()))
    assert check_parity(estimator, frame, flat) < 1e-12
    assert check_parity(estimator, strange_rows(frame), flat) < 1e-12


@pytest.mark.parametrize("name", REGRESSORS)
@pytest.mark.filterwarnings("ignore:Found unknown categories")
def test_a_regressor_s_artifact_gives_its_numbers(name: str) -> None:
    frame = training_frame()
    estimator = REGRESSORS[name].fit(frame, np.abs(delay(frame)))
    flat = FlatModel.from_bytes(to_flat(estimator, regression()))
    assert check_parity(estimator, frame, flat) < 1e-9
    assert check_parity(estimator, strange_rows(frame), flat) < 1e-9


def strange_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Extreme numbers, missing ones, and a carrier that training never saw."""
    return pd.DataFrame(
        {
            "distance": [0.0, 1e5, 500.0, 500.0, np.nan],
            "wind": [np.nan, -1e5, 0.0, 1e5, np.nan],
            "carrier": pd.Categorical(["XX", "AA", "XX", "B6", "DL"], categories=[*CARRIERS, "XX"]),
            "holiday": [0.0, 1.0, 1.0, 0.0, 0.0],
        }
    )


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(40, 400),
    leaves=st.integers(2, 31),
    missing=st.sampled_from([0.0, 0.3]),
)
def test_any_boosted_trees_keep_their_predictions(seed: int, rows: int, leaves: int, missing: float) -> None:
    frame = training_frame(rows, seed=seed)
    labels = late(frame, seed=seed)
    if missing:
        frame.loc[frame.index[:: int(1 / missing)], ["carrier", "distance"]] = np.nan
    estimator = HistGradientBoostingClassifier(
        max_iter=5, max_leaf_nodes=leaves, min_samples_leaf=3, categorical_features="from_dtype", random_state=seed
    ).fit(frame, labels)
    flat = FlatModel.from_bytes(to_flat(estimator, a_model()))
    assert check_parity(estimator, frame, flat) < 1e-12


def test_a_category_that_only_the_frame_knows_is_taken_as_missing_like_in_scikit_learn() -> None:
    frame = training_frame()
    frame["carrier"] = frame["carrier"].cat.add_categories(["ZZ"])
    estimator = boosting(categorical_features="from_dtype").fit(frame, late(frame))
    rows = frame.head(20).assign(carrier=pd.Categorical(["ZZ"] * 20, categories=frame["carrier"].cat.categories))
    flat = FlatModel.from_bytes(to_flat(estimator, a_model()))
    assert check_parity(estimator, rows, flat) < 1e-12


def test_the_same_estimator_gives_the_same_bytes() -> None:
    frame = training_frame()
    first, second = (
        to_flat(boosting(categorical_features="from_dtype").fit(frame, late(frame)), a_model()) for _ in range(2)
    )
    assert first == second


def test_an_artifact_that_predicts_otherwise_is_found() -> None:
    frame = training_frame()
    one, other = (
        boosting(categorical_features="from_dtype").fit(frame, labels)
        for labels in (late(frame), late(frame, seed=9)[::-1])
    )
    with pytest.raises(ParityError, match="artifact and estimator differ by"):
        check_parity(other, frame, FlatModel.from_bytes(to_flat(one, a_model())))


@pytest.mark.parametrize("limit", ["MAX_NODES", "MAX_DOCUMENT_BYTES"])
def test_a_model_too_large_for_an_endpoint_is_refused_with_its_size(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    frame = training_frame()
    model = boosting(categorical_features="from_dtype").fit(frame, late(frame))
    monkeypatch.setattr(f"evertrain.conversion.flat.{limit}", 50)
    with pytest.raises(
        UnsupportedEstimator, match=r"\d+ bytes and \d+ nodes are too much .* use fewer iterations or leaves"
    ):
        to_flat(model, a_model())


@pytest.mark.parametrize(
    ("estimator", "expected_message"),
    [
        (
            Pipeline([("encode", encoded(lenient_codes())), ("model", RandomForestClassifier(n_estimators=2))]),
            "RandomForestClassifier cannot be served; allowed: HistGradientBoostingClassifier",
        ),
        (
            Pipeline([("encode", encoded(OneHotEncoder())), ("model", LogisticRegression())]),
            'set handle_unknown="ignore"',
        ),
        (
            Pipeline([("encode", encoded(OrdinalEncoder())), ("model", boosting())]),
            'set handle_unknown="use_encoded_value"',
        ),
        (
            make_pipeline(
                ColumnTransformer([("n", SimpleImputer(), NUMBERS)]), PolynomialFeatures(), LogisticRegression()
            ),
            "a pipeline with ColumnTransformer, PolynomialFeatures before its model",
        ),
        (
            make_pipeline(ColumnTransformer([("n", PolynomialFeatures(), ["distance"])]), LogisticRegression()),
            "PolynomialFeatures before the model has no flat form",
        ),
        (
            make_pipeline(ColumnTransformer([("n", StandardScaler(), ["distance"])]), LinearRegression()),
            "LinearRegression does not predict the classes 0 and 1",
        ),
        (
            Pipeline([("encode", encoded(lenient_codes())), ("model", LogisticRegression())]),
            "an unseen category of carrier has no code; use a OneHotEncoder instead",
        ),
        (
            Pipeline([("encode", encoded(lenient_codes(min_frequency=200))), ("model", boosting())]),
            "OrdinalEncoder with infrequent categories",
        ),
        (
            make_pipeline(ColumnTransformer([("n", SimpleImputer(missing_values=0.0), ["distance"])]), boosting()),
            "SimpleImputer: missing is NaN here",
        ),
        (
            make_pipeline(
                ColumnTransformer([("n", SimpleImputer(), slice("distance", "distance"))]), LogisticRegression()
            ),
            "name the columns of 'n' one by one",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:lbfgs failed")
def test_what_has_no_flat_form_is_refused_by_name(estimator: Any, expected_message: str) -> None:
    frame = training_frame()
    with pytest.raises(UnsupportedEstimator, match=expected_message):
        to_flat(estimator.fit(frame, late(frame)), a_model())


def test_a_weighted_sum_over_a_feature_that_may_be_null_is_refused() -> None:
    frame = training_frame().fillna({"wind": 0.0})
    estimator = make_pipeline(ColumnTransformer([("n", StandardScaler(), NUMBERS)]), LogisticRegression())
    with pytest.raises(UnsupportedEstimator, match="wind may be null; put a SimpleImputer before the model"):
        to_flat(estimator.fit(frame, late(frame)), a_model())


@pytest.mark.parametrize("encoder", [OneHotEncoder(handle_unknown="ignore"), lenient_codes()])
def test_an_encoder_behind_another_step_is_refused_because_the_step_would_be_lost(encoder: Any) -> None:
    frame = training_frame()
    imputed = make_pipeline(SimpleImputer(strategy="most_frequent"), encoder)
    estimator = make_pipeline(ColumnTransformer([("h", imputed, ["holiday"])]), boosting())
    with pytest.raises(
        UnsupportedEstimator, match=f"{type(encoder).__name__} on holiday: only on the feature itself"
    ):
        to_flat(estimator.fit(frame, late(frame)), a_model())


@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
def test_an_imputer_that_never_saw_a_value_is_refused() -> None:
    frame = training_frame().assign(wind=np.nan)
    estimator = make_pipeline(ColumnTransformer([("n", SimpleImputer(), NUMBERS)]), LogisticRegression())
    with pytest.raises(UnsupportedEstimator, match="SimpleImputer on wind: no training row has a value"):
        to_flat(estimator.fit(frame, late(frame)), a_model())


def test_labels_of_text_are_refused() -> None:
    frame = training_frame()
    estimator = boosting(categorical_features="from_dtype").fit(frame, np.where(late(frame) > 0, "late", "on time"))
    with pytest.raises(UnsupportedEstimator, match="a classification's label is 0 or 1"):
        to_flat(estimator, a_model())


def test_a_classifier_of_a_regression_is_refused() -> None:
    frame = training_frame()
    estimator = boosting(categorical_features="from_dtype").fit(frame, late(frame))
    with pytest.raises(UnsupportedEstimator, match="is a classifier, and the model's task is regression"):
        to_flat(estimator, regression())


@pytest.mark.parametrize(("column", "encoder"), [("wind", {"fill": 500.0}), ("carrier", {"levels": ["unseen"]})])
def test_parity_is_asked_of_rows_that_the_frame_lacks(column: str, encoder: dict[str, Any]) -> None:
    frame = training_frame().fillna({"wind": 0.0})
    labels = (delay(frame) > 15).astype(float)
    estimator = boosting(categorical_features="from_dtype").fit(frame, labels)
    document = json.loads(gzip.decompress(to_flat(estimator, a_model())))
    (entry,) = (entry for entry in document["encoders"] if entry["feature"] == column)
    # As right as before on every row of the frame, wrong on what is missing or unseen.
    entry.update(encoder if column == "wind" else {"levels": [*entry["levels"], *encoder["levels"]]})
    flat = FlatModel.from_bytes(gzip.compress(json.dumps(document).encode()))
    with pytest.raises(ParityError):
        check_parity(estimator, frame, flat)


def test_three_classes_are_refused() -> None:
    frame = training_frame()
    estimator = boosting(categorical_features="from_dtype").fit(frame, np.arange(len(frame)) % 3)
    with pytest.raises(UnsupportedEstimator, match="more than two classes"):
        to_flat(estimator, a_model())


def test_classes_other_than_0_and_1_are_refused() -> None:
    frame = training_frame()
    estimator = boosting(categorical_features="from_dtype").fit(frame, late(frame) + 1)
    with pytest.raises(UnsupportedEstimator, match="classes 0 and 1"):
        to_flat(estimator, a_model())
