"""Pipelines put together by chance from what is supported predict what their artifacts predict."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn import ensemble, impute, linear_model, naive_bayes, tree
from sklearn import preprocessing as pre
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.pipeline import FeatureUnion, make_pipeline

from evertrain.conversion import check_parity, to_flat
from evertrain.scoring import FlatModel
from evertrain.tables.columnar_model import predict_columns
from evertrain.tables.labelled_rows import LabelledRows
from tests.builders.estimators import NUMBERS, TEXT, codes, fitted
from tests.builders.models import a_model, a_model_of_classes
from tests.builders.training_frames import late, lateness, training_frame, training_table

imputers = st.builds(
    impute.SimpleImputer,
    strategy=st.sampled_from(["mean", "median", "most_frequent"]),
    add_indicator=st.booleans(),
)
number_steps = st.one_of(
    st.builds(pre.StandardScaler, with_mean=st.booleans(), with_std=st.booleans()),
    st.builds(pre.MinMaxScaler, clip=st.booleans()),
    st.builds(pre.RobustScaler, with_centering=st.booleans(), unit_variance=st.booleans()),
    st.builds(pre.MaxAbsScaler),
    st.builds(pre.PowerTransformer, standardize=st.booleans()),
    st.builds(
        pre.QuantileTransformer,
        n_quantiles=st.integers(2, 60),
        output_distribution=st.sampled_from(["uniform", "normal"]),
    ),
    st.builds(
        pre.KBinsDiscretizer,
        st.integers(2, 6),
        encode=st.sampled_from(["ordinal", "onehot"]),
        strategy=st.just("uniform"),
    ),
    st.builds(pre.PolynomialFeatures, st.integers(1, 3), interaction_only=st.booleans(), include_bias=st.booleans()),
    st.builds(pre.Normalizer, norm=st.sampled_from(["l1", "l2", "max"])),
    st.builds(pre.Binarizer, threshold=st.floats(-2, 20)),
    st.builds(SelectKBest, k=st.integers(1, 3)),
    st.just("passthrough"),
)
text_steps = st.one_of(
    st.builds(
        pre.OneHotEncoder,
        handle_unknown=st.sampled_from(["ignore", "infrequent_if_exist"]),
        drop=st.sampled_from([None, "first", "if_binary"]),
        max_categories=st.sampled_from([None, 2, 3]),
        sparse_output=st.just(False),
    ),
    st.builds(
        codes, unknown_value=st.sampled_from([-1, 99]), encoded_missing_value=st.sampled_from([-1, 98]),
        max_categories=st.sampled_from([None, 3]),
    ),
    st.builds(pre.TargetEncoder, cv=st.just(3), random_state=st.just(0)),
)  # fmt: skip
models = st.one_of(
    st.builds(linear_model.LogisticRegression, C=st.sampled_from([0.1, 1.0]), max_iter=st.just(60)),
    st.builds(tree.DecisionTreeClassifier, max_depth=st.integers(1, 9), random_state=st.integers(0, 9)),
    st.builds(
        ensemble.RandomForestClassifier,
        n_estimators=st.integers(1, 6),
        max_leaf_nodes=st.sampled_from([None, 5, 30]),
        random_state=st.integers(0, 9),
    ),
    st.builds(ensemble.ExtraTreesClassifier, n_estimators=st.integers(1, 6), random_state=st.integers(0, 9)),
    st.builds(ensemble.GradientBoostingClassifier, n_estimators=st.integers(1, 6), random_state=st.integers(0, 9)),
    st.builds(ensemble.HistGradientBoostingClassifier, max_iter=st.integers(1, 6), max_leaf_nodes=st.integers(2, 31)),
    st.builds(ensemble.AdaBoostClassifier, n_estimators=st.integers(1, 6), random_state=st.integers(0, 9)),
    st.builds(naive_bayes.GaussianNB),
    st.builds(linear_model.SGDClassifier, loss=st.just("log_loss"), random_state=st.integers(0, 9)),
)


@st.composite
def pipelines(draw: st.DrawFn) -> Any:
    numbers = make_pipeline(draw(imputers), draw(number_steps))
    text = make_pipeline(
        *draw(st.sampled_from([[], [impute.SimpleImputer(strategy="most_frequent")]])), draw(text_steps)
    )
    before: Any = ColumnTransformer([("n", numbers, NUMBERS), ("t", text, TEXT)], sparse_threshold=0.0)
    if draw(st.booleans()):
        before = FeatureUnion([("one", before), ("two", make_pipeline(draw(st.just(_numbers_only())), PCA(2)))])
    return make_pipeline(before, draw(models))


def _numbers_only() -> Any:
    return ColumnTransformer([("n", impute.SimpleImputer(), NUMBERS)])


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(estimator=pipelines(), seed=st.integers(0, 1_000), is_multiclass=st.booleans())
def test_any_pipeline_is_served_as_it_predicts(estimator: Any, seed: int, is_multiclass: bool) -> None:
    frame = training_frame(150, seed=seed)
    estimator = fitted(estimator, frame, (lateness if is_multiclass else late)(frame, seed=seed))
    spec = a_model_of_classes() if is_multiclass else a_model()
    flat = FlatModel.from_bytes(to_flat(estimator, spec))
    assert check_parity(estimator, training_frame(100, seed=seed + 1), flat) <= flat.tolerance
    table = training_table(60, seed=seed + 2, missing=0.3)
    row_by_row = np.array(flat.predict(LabelledRows("rows", table, spec).to_records(flat.feature_names)))
    np.testing.assert_allclose(predict_columns(flat, table), row_by_row, rtol=1e-9, atol=flat.tolerance)
