"""Estimators and transformers without a flat form, which scikit-learn itself serves: each once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn import gaussian_process, impute, neighbors, neural_network, svm
from sklearn import preprocessing as pre
from sklearn.calibration import CalibratedClassifierCV
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # without it there is none
from sklearn.pipeline import make_pipeline

from tests.builders.estimators import linear, plain


def numbers(step: Any) -> Any:
    """Behind filled numbers and encoded text."""
    return linear(plain(numbers=make_pipeline(impute.SimpleImputer(), step)))


def _logs(x: Any) -> Any:
    return np.log1p(np.abs(x))


CLASSIFIERS: Mapping[str, Any] = {
    "KNeighborsClassifier": make_pipeline(plain(), neighbors.KNeighborsClassifier(7)),
    "RadiusNeighborsClassifier": make_pipeline(
        plain(), neighbors.RadiusNeighborsClassifier(radius=3.0, outlier_label="most_frequent")
    ),
    "SVC in a CalibratedClassifierCV": make_pipeline(plain(), CalibratedClassifierCV(svm.SVC(), ensemble=False)),
    "NuSVC in a CalibratedClassifierCV": make_pipeline(plain(), CalibratedClassifierCV(svm.NuSVC(), ensemble=False)),
    "GaussianProcessClassifier": make_pipeline(plain(), gaussian_process.GaussianProcessClassifier()),
    "MLPClassifier of KNNImputer": make_pipeline(
        plain(numbers=make_pipeline(impute.KNNImputer(), pre.StandardScaler())),
        neural_network.MLPClassifier((5,), max_iter=20, random_state=0),
    ),
}

REGRESSORS: Mapping[str, Any] = {
    "KNeighborsRegressor": make_pipeline(plain(), neighbors.KNeighborsRegressor(7)),
    "SVR": make_pipeline(plain(), svm.SVR()),
    "GaussianProcessRegressor": make_pipeline(plain(), gaussian_process.GaussianProcessRegressor(alpha=0.1)),
}

TRANSFORMERS: Mapping[str, Any] = {
    "FunctionTransformer of a function of one's own": numbers(pre.FunctionTransformer(_logs)),
    "IterativeImputer": linear(plain(numbers=impute.IterativeImputer(random_state=0))),
    "KNNImputer": linear(plain(numbers=impute.KNNImputer())),
    "SplineTransformer": numbers(pre.SplineTransformer()),
}

SECOND_TIER: Mapping[str, Any] = {**CLASSIFIERS, **REGRESSORS, **TRANSFORMERS}
