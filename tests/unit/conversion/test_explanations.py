"""What is converted explains itself as its library does, and whatever has an explanation adds up to its answer."""

from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pytest
import xgboost
from sklearn import linear_model
from sklearn.pipeline import make_pipeline

from evertrain.conversion import to_flat
from evertrain.conversion.rows import rows_of
from evertrain.domain.project.model import ModelSpec
from evertrain.scoring import FlatModel
from evertrain.scoring.explanations import Explainer, NotExplainable
from tests.builders.estimators import CLASSIFIERS, OF_TWO_CLASSES, REGRESSORS, TRANSFORMERS, VARIANTS, fitted, plain
from tests.builders.models import a_model, a_model_of_classes
from tests.builders.supported_models import NOT_EXPLAINED, ONLY_OF_TWO_EXPLAINED
from tests.builders.training_frames import delay, late, lateness, training_frame
from tests.unit.conversion.test_flat import regression
from tests.unit.scoring.test_explanations import answer_of

pytestmark = pytest.mark.filterwarnings("ignore")
FRAME, OTHERS = training_frame(500), training_frame(30, seed=7)


@pytest.mark.parametrize("name", [*CLASSIFIERS, *VARIANTS, *TRANSFORMERS])
def test_a_classifier(name: str) -> None:
    estimator = fitted((CLASSIFIERS | VARIANTS | TRANSFORMERS)[name], FRAME, late(FRAME))
    assert_adds_up(estimator, a_model(), is_explained=name not in NOT_EXPLAINED)


@pytest.mark.parametrize("name", sorted({*CLASSIFIERS, *VARIANTS, *TRANSFORMERS} - OF_TWO_CLASSES))
def test_a_classifier_of_three_classes(name: str) -> None:
    estimator = fitted((CLASSIFIERS | VARIANTS | TRANSFORMERS)[name], FRAME, lateness(FRAME))
    is_explained = name not in NOT_EXPLAINED | ONLY_OF_TWO_EXPLAINED
    assert_adds_up(estimator, a_model_of_classes(), is_explained=is_explained)


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regressor(name: str) -> None:
    estimator = fitted(REGRESSORS[name], FRAME, np.abs(delay(FRAME)) + 1.0)
    assert_adds_up(estimator, regression(), is_explained=name not in NOT_EXPLAINED)


def assert_adds_up(estimator: Any, spec: ModelSpec, *, is_explained: bool) -> None:
    flat = FlatModel.from_bytes(to_flat(estimator, spec, rows=FRAME))
    if not is_explained:
        with pytest.raises(NotExplainable):
            Explainer(flat)
        return
    explainer, rows = Explainer(flat), rows_of(OTHERS, flat)
    answers = [answer_of(each, explainer.scale) for each in explainer.explain(rows)]
    np.testing.assert_allclose(answers, flat.predict(rows), rtol=1e-12, atol=1e-12)


def explained(estimator: Any) -> npt.NDArray[np.float64]:
    """Shape (rows, features + 1), the base last: as the libraries give them."""
    flat = FlatModel.from_bytes(to_flat(estimator, a_model(), rows=FRAME))
    found = Explainer(flat).explain(rows_of(OTHERS, flat))
    return np.array([[*each.contributions.values(), each.base] for each in found])


def test_xgboost_explains_the_same() -> None:
    """With categories and with what is missing; it sums in 32 bits."""
    estimator = xgboost.XGBClassifier(n_estimators=30, max_depth=5, enable_categorical=True, max_cat_to_onehot=1)
    estimator.fit(FRAME, late(FRAME))
    asked = xgboost.DMatrix(OTHERS, enable_categorical=True)
    expected = estimator.get_booster().predict(asked, pred_contribs=True)
    np.testing.assert_allclose(explained(estimator), expected, atol=1e-5)


def test_lightgbm_explains_the_same() -> None:
    estimator = lightgbm.LGBMClassifier(n_estimators=30, min_child_samples=5, verbose=-1).fit(FRAME, late(FRAME))
    np.testing.assert_allclose(explained(estimator), estimator.predict(OTHERS, pred_contrib=True), atol=1e-12)


def explained_by_class(estimator: Any) -> npt.NDArray[np.float64]:
    """Shape (rows, classes, features + 1), the base last: as XGBoost gives them."""
    flat = FlatModel.from_bytes(to_flat(estimator, a_model_of_classes(), rows=FRAME))
    found = Explainer(flat).explain(rows_of(OTHERS, flat))
    return np.array(
        [[[*each.contributions.values(), each.base] for each in of_classes.values()] for of_classes in found]
    )


def test_xgboost_explains_each_class_the_same() -> None:
    estimator = xgboost.XGBClassifier(n_estimators=10, max_depth=4, enable_categorical=True, max_cat_to_onehot=1)
    booster = estimator.fit(FRAME, lateness(FRAME)).get_booster()
    expected = booster.predict(xgboost.DMatrix(OTHERS, enable_categorical=True), pred_contribs=True)
    np.testing.assert_allclose(explained_by_class(estimator), expected, atol=1e-5)


def test_lightgbm_explains_each_class_the_same() -> None:
    estimator = lightgbm.LGBMClassifier(n_estimators=10, min_child_samples=5, verbose=-1).fit(FRAME, lateness(FRAME))
    expected = estimator.predict(OTHERS, pred_contrib=True).reshape(len(OTHERS), 3, -1)
    np.testing.assert_allclose(explained_by_class(estimator), expected, atol=1e-12)


def test_columns_of_a_feature_are_credited_to_it() -> None:
    """Of a pipeline with a scaler and columns of 0 and 1, in the features' own terms."""
    estimator = make_pipeline(plain(), linear_model.Ridge()).fit(FRAME, delay(FRAME))
    flat = FlatModel.from_bytes(to_flat(estimator, regression(), rows=FRAME))
    names = estimator[0].get_feature_names_out()
    centred = estimator[0].transform(OTHERS) - estimator[0].transform(FRAME).mean(axis=0)
    added = centred * estimator[-1].coef_
    expected = {
        feature: added[:, [f"__{feature}" in name for name in names]].sum(axis=1) for feature in flat.feature_names
    }
    found = Explainer(flat).explain(rows_of(OTHERS, flat))
    for feature, values in expected.items():
        np.testing.assert_allclose([each.contributions[feature] for each in found], values, atol=1e-10)
    assert found[0].base == pytest.approx(estimator.predict(FRAME).mean())


def test_a_sum_that_saw_no_rows_cannot_be_explained() -> None:
    estimator = make_pipeline(plain(), linear_model.Ridge()).fit(FRAME, delay(FRAME))
    for rows in (None, FRAME.head(0)):
        with pytest.raises(NotExplainable, match="retrain it"):
            Explainer(FlatModel.from_bytes(to_flat(estimator, regression(), rows=rows)))
