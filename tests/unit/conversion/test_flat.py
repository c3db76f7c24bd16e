"""The artifact predicts what the estimator predicts, also on what training never saw; the rest is refused by name."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from xgboost import XGBClassifier

from evertrain.conversion import ParityError, UnsupportedEstimator, check_parity, to_flat
from evertrain.conversion.fitting import fit, predicted
from evertrain.conversion.frame import to_frame
from evertrain.domain.project.metric import Metric, Task
from evertrain.domain.project.model import ModelSpec
from evertrain.scoring import FlatModel
from evertrain.scoring.container import pack, unpack
from evertrain.scoring.operations.tree_walk import BY_CATEGORY, LEAF
from evertrain.tables.labelled_rows import LabelledRows
from tests.builders import estimators
from tests.builders.models import a_model, a_model_of_classes
from tests.builders.training_frames import CARRIERS, delay, late, lateness, training_frame, training_table

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


def test_a_boolean_has_no_unseen_category_so_that_its_encoder_need_not_ignore_any() -> None:
    frame = training_frame()
    columns = ColumnTransformer([("flag", OneHotEncoder(), ["holiday"])])
    estimator = make_pipeline(columns, LogisticRegression()).fit(frame, late(frame))
    flat = FlatModel.from_bytes(to_flat(estimator, a_model()))
    assert check_parity(estimator, frame, flat) < 1e-12
    never = frame.assign(holiday=0.0)
    with pytest.raises(UnsupportedEstimator, match='OneHotEncoder: set handle_unknown="ignore"'):
        to_flat(make_pipeline(columns, LogisticRegression()).fit(never, late(frame)), a_model())


@pytest.mark.filterwarnings("ignore:categorical_feature keyword")
def test_lightgbm_may_take_a_boolean_for_a_category() -> None:
    frame = training_frame()
    columns = ColumnTransformer([("n", "passthrough", ["holiday", "distance"])])
    model = LGBMClassifier(n_estimators=4, categorical_feature=[0], min_data_per_group=1, verbose=-1)
    estimator = make_pipeline(columns, model).fit(frame, late(frame))
    data = to_flat(estimator, a_model())
    container, flat = unpack(data), FlatModel.from_bytes(data)
    assert any(container.arrays[step["categories"]] for step in container.header["steps"] if "categories" in step)
    assert check_parity(estimator, frame, flat) < 1e-12


def test_the_same_estimator_gives_the_same_bytes() -> None:
    frame = training_frame()
    first, second = (
        to_flat(boosting(categorical_features="from_dtype").fit(frame, late(frame)), a_model()) for _ in range(2)
    )
    assert first == second


def xgboost_of(carriers: list[str]) -> tuple[XGBClassifier, pd.DataFrame]:
    frame = training_frame()
    frame["carrier"] = pd.Categorical.from_codes(frame["carrier"].cat.codes % 2, categories=carriers)
    estimator = XGBClassifier(n_estimators=5, enable_categorical=True, max_cat_to_onehot=1)
    return estimator.fit(frame, late(frame)), frame


def test_xgboost_s_own_categories_are_refused_where_it_cuts_their_names() -> None:
    with pytest.raises(
        UnsupportedEstimator, match="a category of carrier has letters beyond ASCII, which it cuts off"
    ):
        to_flat(xgboost_of(["nah", "fern über Bord"])[0], a_model())


@pytest.mark.parametrize("carriers", [["weekday", "weekend"], ["A", "unseen"], ["", "z"]])
def test_xgboost_s_own_categories_may_have_any_other_name(carriers: list[str]) -> None:
    estimator, frame = xgboost_of(carriers)
    flat = FlatModel.from_bytes(to_flat(estimator, a_model()))
    assert check_parity(estimator, frame, flat) < 1e-6


def test_what_differs_is_told_with_the_rows_on_which_it_does() -> None:
    frame = training_frame()
    estimator = boosting(categorical_features="from_dtype").fit(frame, late(frame))
    container = unpack(to_flat(estimator, a_model()))
    (step,) = (step for step in container.header["steps"] if step["operation"] == "code")
    step["unknown"] = 1.0
    with pytest.raises(ParityError, match=r"differ by 0\.\d+ on rows of an unseen carrier, allowed are 1e-09"):
        check_parity(estimator, frame, FlatModel.from_bytes(pack(container.header, container.arrays)))


def test_an_artifact_that_predicts_otherwise_is_found() -> None:
    frame = training_frame()
    one, other = (
        boosting(categorical_features="from_dtype").fit(frame, labels)
        for labels in (late(frame), late(frame, seed=9)[::-1])
    )
    with pytest.raises(ParityError, match="artifact and estimator differ by"):
        check_parity(other, frame, FlatModel.from_bytes(to_flat(one, a_model())))


def test_a_model_of_too_many_nodes_is_refused_with_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = training_frame()
    model = boosting(categorical_features="from_dtype").fit(frame, late(frame))
    monkeypatch.setattr("evertrain.conversion.flat.MAX_NODES", 50)
    with pytest.raises(UnsupportedEstimator, match=r"15 trees with \d+ nodes are too much .* use fewer trees"):
        to_flat(model, a_model())


def test_a_model_of_too_many_bytes_is_refused_with_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = training_frame()
    model = boosting(categorical_features="from_dtype").fit(frame, late(frame))
    monkeypatch.setattr("evertrain.conversion.flat.MAX_BYTES", 5_000)
    with pytest.raises(UnsupportedEstimator, match=r"[\d,]+ bytes are too much for an endpoint, which takes 5,000"):
        to_flat(model, a_model())


class Custom(StandardScaler):
    """A transformer of one's own, which may do anything."""


@pytest.mark.parametrize(
    ("estimator", "expected_message"),
    [
        (
            make_pipeline(encoded(OneHotEncoder(handle_unknown="ignore")), KNeighborsClassifier()),
            "KNeighborsClassifier has no flat form",
        ),
        (
            make_pipeline(encoded(OneHotEncoder()), LogisticRegression()),
            'OneHotEncoder: set handle_unknown="ignore", or an unseen category is an error',
        ),
        (
            make_pipeline(encoded(OrdinalEncoder()), boosting()),
            'OrdinalEncoder: set handle_unknown="use_encoded_value"',
        ),
        (
            make_pipeline(encoded(OneHotEncoder(handle_unknown="ignore")), Custom(), LogisticRegression()),
            "Custom before the model has no flat form",
        ),
        (
            make_pipeline(ColumnTransformer([("n", StandardScaler(), ["distance"])]), LinearRegression()),
            "LinearRegression does not predict the classes 0 and 1",
        ),
        (
            make_pipeline(encoded(lenient_codes()), LogisticRegression()),
            "LogisticRegression: an unseen category of carrier has no code; use a OneHotEncoder",
        ),
        (
            make_pipeline(encoded(lenient_codes()), GradientBoostingClassifier(n_estimators=2)),
            "GradientBoostingClassifier: an unseen category of carrier has no code",
        ),
        (
            make_pipeline(ColumnTransformer([("n", SimpleImputer(missing_values=0.0), ["distance"])]), boosting()),
            r"SimpleImputer\(missing_values=0.0\): what is missing is NaN here",
        ),
        (
            make_pipeline(
                ColumnTransformer([("n", FunctionTransformer(lambda numbers: numbers * 2), ["distance"])]), boosting()
            ),
            "the function '<lambda>' is code, which the endpoint does not run; it knows numpy.absolute, ",
        ),
        (
            make_pipeline(encoded(OneHotEncoder(handle_unknown="ignore")), SGDClassifier(loss="modified_huber")),
            'gives no probabilities that have a flat form; set loss="log_loss"',
        ),
        (
            make_pipeline(
                encoded(OneHotEncoder(handle_unknown="ignore")),
                VotingClassifier([("l", LogisticRegression()), ("n", GaussianNB())]),
            ),
            'gives no probabilities; set voting="soft"',
        ),
        (
            XGBClassifier(n_estimators=2, missing=-1.0, enable_categorical=True),
            r"XGBClassifier\(missing=-1.0\): what is missing is NaN here",
        ),
        (
            make_pipeline(
                ColumnTransformer([("n", SimpleImputer(strategy="most_frequent"), ["holiday"])]),
                LGBMClassifier(n_estimators=2, categorical_feature=[0], min_data_per_group=1, verbose=-1),
            ),
            "LightGBM: holiday is a number that it takes for a category, cutting what follows the point",
        ),
        (
            make_pipeline(
                encoded(OneHotEncoder(handle_unknown="ignore")),
                GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2, refit=False),
            ),
            r"GridSearchCV\(refit=False\) leaves no model; set refit=True",
        ),
        (
            make_pipeline(
                encoded(OneHotEncoder(handle_unknown="ignore")),
                AdaBoostClassifier(LogisticRegression(), n_estimators=2),
            ),
            "AdaBoostClassifier of LogisticRegression has no flat form; of DecisionTreeClassifier it has",
        ),
        (
            make_pipeline(
                encoded(OneHotEncoder(handle_unknown="ignore")),
                GradientBoostingClassifier(n_estimators=2, init=LogisticRegression()),
            ),
            r"GradientBoostingClassifier\(init=LogisticRegression\(\)\) has no flat form",
        ),
    ],
)
@pytest.mark.filterwarnings(
    "ignore:lbfgs failed", "ignore:categorical_feature keyword", "ignore:Please use categorical"
)
def test_what_has_no_flat_form_is_refused_by_name(estimator: Any, expected_message: str) -> None:
    frame = training_frame()
    with pytest.raises(UnsupportedEstimator, match=expected_message):
        to_flat(estimator.fit(frame, late(frame)), a_model())


def test_a_weighted_sum_over_a_feature_that_may_be_null_is_refused() -> None:
    frame = training_frame().fillna({"wind": 0.0})
    estimator = make_pipeline(ColumnTransformer([("n", StandardScaler(), NUMBERS)]), LogisticRegression())
    with pytest.raises(UnsupportedEstimator, match="wind may be null, which it cannot take; put a SimpleImputer"):
        to_flat(estimator.fit(frame, late(frame)), a_model())


def test_text_that_reaches_the_model_is_refused() -> None:
    frame = training_frame()
    estimator = make_pipeline(
        ColumnTransformer([("c", SimpleImputer(strategy="most_frequent"), ["carrier"])]), DummyClassifier()
    ).fit(frame, late(frame))
    estimator.steps[-1] = ("model", RandomForestClassifier(n_estimators=1).fit(frame[["distance"]], late(frame)))
    with pytest.raises(UnsupportedEstimator, match="RandomForestClassifier: carrier is text; put an encoder such as"):
        to_flat(estimator, a_model())


@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
def test_a_feature_without_any_value_in_training_is_left_out_by_its_imputer_as_in_scikit_learn() -> None:
    frame = training_frame().assign(wind=np.nan)
    estimator = make_pipeline(ColumnTransformer([("n", SimpleImputer(), NUMBERS)]), LogisticRegression())
    flat = FlatModel.from_bytes(to_flat(estimator.fit(frame, late(frame)), a_model()))
    assert check_parity(estimator, frame, flat) < 1e-12
    kept = make_pipeline(
        ColumnTransformer([("n", SimpleImputer(keep_empty_features=True), NUMBERS)]), LogisticRegression()
    )
    flat = FlatModel.from_bytes(to_flat(kept.fit(frame, late(frame)), a_model()))
    assert check_parity(kept, frame, flat) < 1e-12


def test_labels_of_text_are_refused() -> None:
    frame = training_frame()
    estimator = boosting(categorical_features="from_dtype").fit(frame, np.where(late(frame) > 0, "late", "on time"))
    with pytest.raises(UnsupportedEstimator, match="it gets a classification's label as 0 and 1"):
        to_flat(estimator, a_model())


def test_a_classifier_of_a_regression_is_refused() -> None:
    frame = training_frame()
    estimator = boosting(categorical_features="from_dtype").fit(frame, late(frame))
    with pytest.raises(UnsupportedEstimator, match="is a classifier, and the model's task is regression"):
        to_flat(estimator, regression())


@pytest.mark.parametrize(
    ("column", "operation", "wrong"),
    [
        ("wind", "fill", {"values": [500.0] * 3}),
        ("carrier", "code", {"unknown": 1.0}),
        ("carrier", "code", {"missing": 2.0}),
    ],
)
def test_parity_is_asked_of_rows_that_the_frame_lacks(column: str, operation: str, wrong: dict[str, Any]) -> None:
    frame = training_frame().fillna({"wind": 0.0})
    estimator = make_pipeline(
        ColumnTransformer([("n", SimpleImputer(), NUMBERS), ("c", lenient_codes(), ["carrier"])]), boosting()
    ).fit(frame, (delay(frame) > 15).astype(float))
    container = unpack(to_flat(estimator, a_model()))
    # As right as before on every row of the frame, wrong on what is missing or unseen.
    (step,) = (step for step in container.header["steps"] if step["operation"] == operation)
    step.update(wrong)
    flat = FlatModel.from_bytes(pack(container.header, container.arrays))
    nullable = replace(flat, features=tuple(replace(each, nullable=each.name == column) for each in flat.features))
    with pytest.raises(ParityError):
        check_parity(estimator, frame, nullable)


def test_parity_is_asked_at_the_thresholds_where_trees_split() -> None:
    frame = training_frame()
    estimator = boosting(categorical_features="from_dtype").fit(frame, late(frame))
    container = unpack(to_flat(estimator, a_model()))
    (step,) = (step for step in container.header["steps"] if step["operation"] == "trees")
    feature, threshold = (container.arrays[step[name]] for name in ("feature", "threshold"))
    step_flags = container.arrays[step["flags"]]
    for node, index in enumerate(feature):
        # As if it compared "less than": no row of the frame is at a threshold.
        if index != LEAF and not step_flags[node] & BY_CATEGORY:
            threshold[node] = np.nextafter(threshold[node], -np.inf)
    flat = FlatModel.from_bytes(pack(container.header, container.arrays))
    with pytest.raises(ParityError):
        check_parity(estimator, frame, flat)


def test_more_classes_than_are_declared_are_refused() -> None:
    frame = training_frame()
    estimator = boosting(categorical_features="from_dtype").fit(frame, np.arange(len(frame)) % 4)
    with pytest.raises(UnsupportedEstimator, match="answers 4 classes, and late has two; name all of them in label"):
        to_flat(estimator, a_model())
    with pytest.raises(UnsupportedEstimator, match="does not predict the classes 0 to 2"):
        to_flat(estimator, a_model_of_classes())


@pytest.mark.parametrize(
    "estimator",
    [
        boosting(categorical_features="from_dtype"),
        estimators.CLASSIFIERS["XGBClassifier"],
        estimators.CLASSIFIERS["GaussianNB"],
    ],
)
@pytest.mark.parametrize("unseen", [0, 1, 2])
def test_a_class_that_no_training_row_has_is_never_probable(estimator: Any, unseen: int) -> None:
    frame, spec = training_frame(), a_model_of_classes()
    truth = lateness(frame)
    there = truth != unseen
    estimator = clone(estimator)
    fit(estimator, frame[there], truth[there], None)
    flat = FlatModel.from_bytes(to_flat(estimator, spec))
    check_parity(estimator, frame, flat)
    table = training_table(50, seed=3)
    answered = np.array(flat.predict(LabelledRows("rows", table, spec).to_records(flat.feature_names)))
    assert not answered[:, unseen].any()
    np.testing.assert_allclose(answered.sum(axis=1), 1.0)
    expected = predicted(estimator, to_frame(table, spec.features), spec.task, classes=3)
    np.testing.assert_allclose(answered, expected, atol=1e-5)


def test_classes_other_than_0_and_1_are_refused() -> None:
    frame = training_frame()
    estimator = boosting(categorical_features="from_dtype").fit(frame, late(frame) + 1)
    with pytest.raises(UnsupportedEstimator, match="classes 0 and 1"):
        to_flat(estimator, a_model())
