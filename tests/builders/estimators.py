"""Everything that the documentation says can be served: estimators and what may stand before them, each once."""

import warnings
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn import (
    calibration,
    compose,
    decomposition,
    discriminant_analysis,
    dummy,
    ensemble,
    feature_selection,
    impute,
    linear_model,
    model_selection,
    naive_bayes,
    neural_network,
    svm,
    tree,
)
from sklearn import preprocessing as pre
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

NUMBERS, TEXT = ["distance", "wind", "holiday"], ["carrier"]


def codes(**options: Any) -> pre.OrdinalEncoder:
    return pre.OrdinalEncoder(handle_unknown="use_encoded_value", **({"unknown_value": np.nan} | options))


def plain(numbers: Any = None, text: Any = None) -> ColumnTransformer:
    """Numbers without gaps, and text as columns of 0 and 1."""
    numbers = numbers or make_pipeline(impute.SimpleImputer(strategy="median"), pre.StandardScaler())
    text = text or pre.OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer([("numbers", numbers, NUMBERS), ("text", text, TEXT)])


def with_gaps() -> ColumnTransformer:
    """Numbers as they are, text as codes."""
    return ColumnTransformer([("text", codes(), TEXT)], remainder="passthrough")


def filled(step: Any) -> Pipeline:
    return make_pipeline(impute.SimpleImputer(strategy="mean"), step)


def linear(before: Any) -> Pipeline:
    return make_pipeline(before, linear_model.LogisticRegression(max_iter=200))


SMALL: dict[str, Any] = {"n_estimators": 7, "random_state": 0}

CLASSIFIERS: Mapping[str, Any] = {
    "HistGradientBoostingClassifier": ensemble.HistGradientBoostingClassifier(
        max_iter=8, categorical_features="from_dtype", random_state=0
    ),
    "GradientBoostingClassifier": make_pipeline(plain(), ensemble.GradientBoostingClassifier(**SMALL)),
    "RandomForestClassifier": make_pipeline(with_gaps(), ensemble.RandomForestClassifier(**SMALL)),
    "ExtraTreesClassifier": make_pipeline(plain(), ensemble.ExtraTreesClassifier(**SMALL)),
    "AdaBoostClassifier": make_pipeline(plain(), ensemble.AdaBoostClassifier(**SMALL)),
    "DecisionTreeClassifier": make_pipeline(
        with_gaps(), tree.DecisionTreeClassifier(max_leaf_nodes=20, random_state=0)
    ),
    "ExtraTreeClassifier": make_pipeline(plain(), tree.ExtraTreeClassifier(max_depth=5, random_state=0)),
    "BaggingClassifier": make_pipeline(
        plain(), ensemble.BaggingClassifier(linear_model.LogisticRegression(), max_features=0.6, **SMALL)
    ),
    "VotingClassifier": make_pipeline(
        plain(),
        ensemble.VotingClassifier(
            [("l", linear_model.LogisticRegression()), ("n", naive_bayes.GaussianNB())], voting="soft", weights=[2, 1]
        ),
    ),
    "StackingClassifier": make_pipeline(
        plain(),
        ensemble.StackingClassifier(
            [
                ("l", linear_model.LogisticRegression()),
                ("f", ensemble.RandomForestClassifier(**SMALL)),
                ("s", svm.LinearSVC()),
            ],
            cv=3,
            passthrough=True,
        ),
    ),
    "CalibratedClassifierCV": make_pipeline(
        plain(), calibration.CalibratedClassifierCV(svm.LinearSVC(random_state=0), method="sigmoid", cv=3)
    ),
    "LogisticRegression": linear(plain()),
    "LogisticRegressionCV": make_pipeline(
        plain(), linear_model.LogisticRegressionCV(Cs=3, cv=3, l1_ratios=(0.0,), use_legacy_attributes=False)
    ),
    "SGDClassifier": make_pipeline(plain(), linear_model.SGDClassifier(loss="log_loss", random_state=0)),
    "LinearDiscriminantAnalysis": make_pipeline(plain(), discriminant_analysis.LinearDiscriminantAnalysis()),
    "GaussianNB": make_pipeline(plain(), naive_bayes.GaussianNB()),
    "BernoulliNB": make_pipeline(plain(), naive_bayes.BernoulliNB()),
    "MultinomialNB": make_pipeline(plain(filled(pre.MinMaxScaler())), naive_bayes.MultinomialNB()),
    "ComplementNB": make_pipeline(plain(filled(pre.MinMaxScaler())), naive_bayes.ComplementNB()),
    "MLPClassifier": make_pipeline(plain(), neural_network.MLPClassifier((8, 5), max_iter=40, random_state=0)),
    "DummyClassifier": make_pipeline(plain(), dummy.DummyClassifier()),
    "GridSearchCV": make_pipeline(
        plain(), model_selection.GridSearchCV(linear_model.LogisticRegression(), {"C": [0.1, 1.0]}, cv=3)
    ),
    "RandomizedSearchCV": make_pipeline(
        plain(),
        model_selection.RandomizedSearchCV(linear_model.LogisticRegression(), {"C": [0.1, 1.0]}, cv=3, n_iter=2),
    ),
    "XGBClassifier": xgboost.XGBClassifier(max_depth=4, enable_categorical=True, max_cat_to_onehot=1, **SMALL),
    "XGBRFClassifier": make_pipeline(with_gaps(), xgboost.XGBRFClassifier(**SMALL)),
    "LGBMClassifier": lightgbm.LGBMClassifier(
        min_child_samples=5, min_data_per_group=5, cat_smooth=1.0, verbose=-1, **SMALL
    ),
}
"""By the name of what is shown."""

REGRESSORS: Mapping[str, Any] = {
    "HistGradientBoostingRegressor": ensemble.HistGradientBoostingRegressor(
        max_iter=8, categorical_features="from_dtype", random_state=0
    ),
    "GradientBoostingRegressor": make_pipeline(plain(), ensemble.GradientBoostingRegressor(**SMALL)),
    "RandomForestRegressor": make_pipeline(with_gaps(), ensemble.RandomForestRegressor(**SMALL)),
    "ExtraTreesRegressor": make_pipeline(with_gaps(), ensemble.ExtraTreesRegressor(**SMALL)),
    "AdaBoostRegressor": make_pipeline(plain(), ensemble.AdaBoostRegressor(**SMALL)),
    "DecisionTreeRegressor": make_pipeline(with_gaps(), tree.DecisionTreeRegressor(max_depth=6, random_state=0)),
    "ExtraTreeRegressor": make_pipeline(plain(), tree.ExtraTreeRegressor(max_depth=5, random_state=0)),
    "BaggingRegressor": make_pipeline(plain(), ensemble.BaggingRegressor(**SMALL)),
    "VotingRegressor": make_pipeline(
        plain(),
        ensemble.VotingRegressor([("l", linear_model.Ridge()), ("t", tree.DecisionTreeRegressor(max_depth=3))]),
    ),
    "StackingRegressor": make_pipeline(
        plain(),
        ensemble.StackingRegressor(
            [("l", linear_model.Ridge()), ("t", tree.DecisionTreeRegressor(max_depth=3))], cv=3
        ),
    ),
    "TransformedTargetRegressor": compose.TransformedTargetRegressor(
        make_pipeline(plain(), linear_model.Ridge()), func=np.log1p, inverse_func=np.expm1
    ),
    **{
        f"TransformedTargetRegressor of {type(scaler).__name__}": compose.TransformedTargetRegressor(
            make_pipeline(plain(), linear_model.Ridge()), transformer=scaler
        )
        for scaler in (
            pre.StandardScaler(with_mean=False),
            pre.MinMaxScaler(),
            pre.RobustScaler(with_centering=False),
            pre.MaxAbsScaler(),
        )
    },
    **{
        cls.__name__: make_pipeline(plain(), cls())
        for cls in (
            linear_model.ARDRegression,
            linear_model.BayesianRidge,
            linear_model.ElasticNet,
            linear_model.HuberRegressor,
            linear_model.Lars,
            linear_model.Lasso,
            linear_model.LassoLars,
            linear_model.LinearRegression,
            linear_model.OrthogonalMatchingPursuit,
            linear_model.PoissonRegressor,
            linear_model.GammaRegressor,
            linear_model.QuantileRegressor,
            linear_model.Ridge,
            linear_model.RidgeCV,
            linear_model.SGDRegressor,
            linear_model.TheilSenRegressor,
            linear_model.RANSACRegressor,
            svm.LinearSVR,
            dummy.DummyRegressor,
        )
    },
    **{
        cls.__name__: make_pipeline(plain(), cls(cv=3))
        for cls in (
            linear_model.ElasticNetCV,
            linear_model.LarsCV,
            linear_model.LassoCV,
            linear_model.LassoLarsCV,
            linear_model.OrthogonalMatchingPursuitCV,
        )
    },
    "LassoLarsIC": make_pipeline(plain(), linear_model.LassoLarsIC()),
    "TweedieRegressor": make_pipeline(plain(), linear_model.TweedieRegressor(power=1.5)),
    "MLPRegressor": make_pipeline(
        plain(), neural_network.MLPRegressor(hidden_layer_sizes=(8,), max_iter=40, random_state=0)
    ),
    "XGBRegressor": xgboost.XGBRegressor(max_depth=4, enable_categorical=True, **SMALL),
    "XGBRFRegressor": make_pipeline(with_gaps(), xgboost.XGBRFRegressor(**SMALL)),
    "LGBMRegressor": lightgbm.LGBMRegressor(min_child_samples=5, verbose=-1, **SMALL),
}

VARIANTS: Mapping[str, Any] = {
    "GradientBoostingClassifier(loss='exponential')": make_pipeline(
        plain(), ensemble.GradientBoostingClassifier(loss="exponential", **SMALL)
    ),
    "RandomForestClassifier of numbers with gaps that training did not have": make_pipeline(
        ColumnTransformer([("n", "passthrough", ["distance", "wind"])]), ensemble.RandomForestClassifier(**SMALL)
    ),
    "HistGradientBoostingClassifier behind codes that are categories": make_pipeline(
        with_gaps(), ensemble.HistGradientBoostingClassifier(max_iter=8, categorical_features=[0], random_state=0)
    ),
    "CalibratedClassifierCV(method='isotonic') of a forest": make_pipeline(
        plain(), calibration.CalibratedClassifierCV(ensemble.RandomForestClassifier(**SMALL), method="isotonic", cv=3)
    ),
    "CalibratedClassifierCV of boosting, ensemble=False": make_pipeline(
        plain(),
        calibration.CalibratedClassifierCV(ensemble.GradientBoostingClassifier(**SMALL), ensemble=False, cv=3),
    ),
    "BaggingClassifier of trees": make_pipeline(plain(), ensemble.BaggingClassifier(**SMALL)),
    "StackingClassifier of boosting and AdaBoost": make_pipeline(
        plain(),
        ensemble.StackingClassifier(
            [("a", ensemble.AdaBoostClassifier(**SMALL)), ("h", ensemble.HistGradientBoostingClassifier(max_iter=5))],
            final_estimator=ensemble.RandomForestClassifier(**SMALL),
            cv=3,
        ),
    ),
    "XGBClassifier, stopped early, of codes": make_pipeline(with_gaps(), xgboost.XGBClassifier(max_depth=3, **SMALL)),
    "LGBMClassifier(boosting_type='rf') of codes": make_pipeline(
        with_gaps(),
        lightgbm.LGBMClassifier(boosting_type="rf", subsample=0.7, subsample_freq=1, verbose=-1, **SMALL),
    ),
}
"""Classifiers with options that change how they answer."""

OF_TWO_CLASSES = frozenset({"GradientBoostingClassifier(loss='exponential')"})
"""They refuse more."""

TRANSFORMERS: Mapping[str, Any] = {
    "SimpleImputer": linear(plain(make_pipeline(impute.SimpleImputer(strategy="most_frequent", add_indicator=True)))),
    "SimpleImputer of text": linear(
        plain(
            text=make_pipeline(
                impute.SimpleImputer(strategy="most_frequent"), pre.OneHotEncoder(handle_unknown="ignore")
            )
        )
    ),
    "SimpleImputer(strategy='constant') of text": linear(
        plain(
            text=make_pipeline(
                impute.SimpleImputer(strategy="constant", fill_value="none"),
                pre.OneHotEncoder(handle_unknown="ignore"),
            )
        )
    ),
    "MissingIndicator": linear(
        FeatureUnion(
            [
                ("plain", plain()),
                ("gaps", ColumnTransformer([("gaps", impute.MissingIndicator(features="all"), NUMBERS)])),
            ],
            transformer_weights={"plain": 0.5},
        )
    ),
    "StandardScaler": linear(plain(filled(pre.StandardScaler(with_mean=False)))),
    "MinMaxScaler": linear(plain(filled(pre.MinMaxScaler(feature_range=(-1, 2), clip=True)))),
    "RobustScaler": linear(plain(filled(pre.RobustScaler()))),
    "MaxAbsScaler": linear(plain(filled(pre.MaxAbsScaler()))),
    "PowerTransformer": linear(plain(filled(pre.PowerTransformer()))),
    "PowerTransformer(method='box-cox')": linear(
        ColumnTransformer([("n", pre.PowerTransformer(method="box-cox", standardize=False), ["distance"])])
    ),
    "QuantileTransformer": linear(plain(filled(pre.QuantileTransformer(n_quantiles=50)))),
    "QuantileTransformer(output_distribution='normal')": linear(
        plain(filled(pre.QuantileTransformer(n_quantiles=50, output_distribution="normal")))
    ),
    "KBinsDiscretizer": linear(plain(filled(pre.KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf")))),
    "KBinsDiscretizer(encode='ordinal')": linear(
        plain(filled(pre.KBinsDiscretizer(4, encode="ordinal", strategy="uniform")))
    ),
    "Normalizer": linear(plain(filled(pre.Normalizer(norm="l1")))),
    "Binarizer": linear(plain(filled(pre.Binarizer(threshold=3.0)))),
    "PolynomialFeatures": linear(plain(make_pipeline(filled(pre.StandardScaler()), pre.PolynomialFeatures(3)))),
    "FunctionTransformer": linear(plain(filled(pre.FunctionTransformer(np.log1p)))),
    "OneHotEncoder": linear(plain(text=pre.OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3))),
    "OneHotEncoder(drop='first')": linear(plain(text=pre.OneHotEncoder(handle_unknown="ignore", drop="first"))),
    "OneHotEncoder(drop='if_binary') of a flag": linear(
        ColumnTransformer([("f", pre.OneHotEncoder(handle_unknown="ignore", drop="if_binary"), ["holiday"])])
    ),
    "OrdinalEncoder": linear(plain(text=codes(unknown_value=-1, encoded_missing_value=-2))),
    "OrdinalEncoder(max_categories=3)": linear(
        plain(text=codes(unknown_value=-1, encoded_missing_value=-1, max_categories=3))
    ),
    "TargetEncoder": linear(plain(text=pre.TargetEncoder(cv=3, random_state=0))),
    "PCA": linear(make_pipeline(plain(), decomposition.PCA(3, whiten=True))),
    "TruncatedSVD": linear(make_pipeline(plain(), decomposition.TruncatedSVD(3, random_state=0))),
    "SelectKBest": linear(make_pipeline(plain(), feature_selection.SelectKBest(k=3))),
    "SelectFromModel": linear(
        make_pipeline(plain(), feature_selection.SelectFromModel(ensemble.RandomForestClassifier(**SMALL)))
    ),
    "VarianceThreshold": linear(make_pipeline(plain(), feature_selection.VarianceThreshold(0.01))),
    "RFE": linear(
        make_pipeline(plain(), feature_selection.RFE(linear_model.LogisticRegression(), n_features_to_select=3))
    ),
    "ColumnTransformer(transformer_weights=…)": linear(
        ColumnTransformer([("n", filled(pre.StandardScaler()), NUMBERS)], transformer_weights={"n": 2.0})
    ),
    "FeatureUnion": linear(
        make_pipeline(plain(), FeatureUnion([("all", "passthrough"), ("pca", decomposition.PCA(2))]))
    ),
    "ColumnTransformer, nested": linear(
        ColumnTransformer(
            [
                ("left", plain(), [*NUMBERS, *TEXT]),
                ("text", pre.OneHotEncoder(handle_unknown="ignore"), lambda frame: ["carrier"]),
                ("flag", "passthrough", slice("holiday", "holiday")),
            ]
        )
    ),
}
"""Classifiers behind what is named."""


def fitted(estimator: Any, frame: pd.DataFrame, truth: np.ndarray) -> Any:
    """A copy, since XGBoost's classifier changes its own objective. Without warnings: of what does not converge in so
    few rounds, and of what older names are for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return deepcopy(estimator).fit(frame, truth)
