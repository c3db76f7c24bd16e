"""Models that are a weighted sum, or a few of them, as steps of the flat format."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn import discriminant_analysis, dummy, linear_model, naive_bayes, neural_network, svm

from evertrain.conversion.program import Column, Program, UnsupportedEstimator, require_numbers

Columns = Sequence[Column]
Convert = Callable[[Any, Columns, Program], list[Column]]


def weighted_sums(model: Any, columns: Columns, program: Program, coefficients: Any, intercepts: Any) -> list[Column]:
    """Raises UnsupportedEstimator where the sum would be of something that is missing."""
    require_numbers(model, columns, missing=False)
    weights = np.atleast_2d(np.asarray(coefficients, dtype=np.float64))
    starts = np.broadcast_to(np.asarray(intercepts, dtype=np.float64).ravel(), (len(weights),))
    return program.add("linear", columns, outputs=len(weights), weights=weights, intercepts=list(starts))


def scores(model: Any, columns: Columns, program: Program) -> list[Column]:
    """The decision function of a linear model: one column for two classes, or for a number."""
    return weighted_sums(model, columns, program, model.coef_, model.intercept_)


def logistic_or_softmax(found: list[Column], program: Program) -> list[Column]:
    """Probabilities of scores: of the second class where there is one score."""
    return program.add("function", found, name="logistic") if len(found) == 1 else program.add("softmax", found)


def _logistic_regression(model: Any, columns: Columns, program: Program) -> list[Column]:
    found = scores(model, columns, program)
    if len(found) > 1 and getattr(model, "solver", "") == "liblinear":
        return program.add("share", program.add("function", found, name="logistic"))
    return logistic_or_softmax(found, program)


def _sgd(model: Any, columns: Columns, program: Program) -> list[Column]:
    if model.loss != "log_loss":
        raise UnsupportedEstimator(
            f'SGDClassifier(loss={model.loss!r}) gives no probabilities that have a flat form; set loss="log_loss"'
        )
    probabilities = program.add("function", scores(model, columns, program), name="logistic")
    return probabilities if len(probabilities) == 1 else program.add("share", probabilities)


def _generalised(model: Any, columns: Columns, program: Program) -> list[Column]:
    link = type(model._base_loss.link).__name__
    found = scores(model, columns, program)
    return found if link == "IdentityLink" else program.add("function", found, name="exp")


def _ransac(model: Any, columns: Columns, program: Program) -> list[Column]:
    return scores(model.estimator_, columns, program)


def _gaussian_bayes(model: Any, columns: Columns, program: Program) -> list[Column]:
    require_numbers(model, columns, missing=False)
    starts = np.log(model.class_prior_) - 0.5 * np.sum(np.log(2.0 * np.pi * model.var_), axis=1)
    found = program.add(
        "gaussian", columns, outputs=len(starts), starts=list(starts), means=model.theta_, variances=model.var_
    )
    return positive_or_all(program.add("softmax", found))


def _bernoulli_bayes(model: Any, columns: Columns, program: Program) -> list[Column]:
    require_numbers(model, columns, missing=False)
    if model.binarize is not None:
        columns = program.add("above", columns, values=[float(model.binarize)] * len(columns))
    absent = np.log(1 - np.exp(model.feature_log_prob_))
    starts = model.class_log_prior_ + absent.sum(axis=1)
    found = weighted_sums(model, columns, program, model.feature_log_prob_ - absent, starts)
    return positive_or_all(program.add("softmax", found))


def _multinomial_bayes(model: Any, columns: Columns, program: Program) -> list[Column]:
    found = weighted_sums(model, columns, program, model.feature_log_prob_, model.class_log_prior_)
    return positive_or_all(program.add("softmax", found))


def _complement_bayes(model: Any, columns: Columns, program: Program) -> list[Column]:
    found = weighted_sums(model, columns, program, model.feature_log_prob_, 0.0)
    return positive_or_all(program.add("softmax", found))


def _discriminant(model: Any, columns: Columns, program: Program) -> list[Column]:
    return logistic_or_softmax(scores(model, columns, program), program)


_ACTIVATIONS = {"identity": "identity", "logistic": "logistic", "tanh": "tanh", "relu": "relu"}


def _network(model: Any, columns: Columns, program: Program) -> list[Column]:
    layers = list(zip(model.coefs_, model.intercepts_, strict=True))
    for weights, intercepts in layers[:-1]:
        columns = program.add(
            "function",
            weighted_sums(model, columns, program, weights.T, intercepts),
            name=_ACTIVATIONS[model.activation],
        )
    found = weighted_sums(model, columns, program, layers[-1][0].T, layers[-1][1])
    if model.out_activation_ == "softmax":
        return program.add("softmax", found)
    return found if model.out_activation_ == "identity" else program.add("function", found, name="logistic")


def _constant_number(model: Any, _: Columns, program: Program) -> list[Column]:
    return _constants([float(np.ravel(model.constant_)[0])], program)


def _constant_classes(model: Any, _: Columns, program: Program) -> list[Column]:
    if model.strategy not in ("prior", "most_frequent", "constant"):
        raise UnsupportedEstimator(f"DummyClassifier(strategy={model.strategy!r}) answers by chance")
    probabilities = model.predict_proba(np.zeros((1, 1)))[0]
    return positive_or_all(_constants([float(each) for each in probabilities], program))


def _constants(values: Sequence[float], program: Program) -> list[Column]:
    return program.add("linear", [], outputs=len(values), weights=np.empty((len(values), 0)), intercepts=list(values))


def positive_or_all(probabilities: list[Column]) -> list[Column]:
    """Of two classes the second one's column says it all."""
    return probabilities[1:] if len(probabilities) == 2 else probabilities


_NUMBERS = [
    linear_model.ARDRegression,
    linear_model.BayesianRidge,
    linear_model.ElasticNet,
    linear_model.ElasticNetCV,
    linear_model.HuberRegressor,
    linear_model.Lars,
    linear_model.LarsCV,
    linear_model.Lasso,
    linear_model.LassoCV,
    linear_model.LassoLars,
    linear_model.LassoLarsCV,
    linear_model.LassoLarsIC,
    linear_model.LinearRegression,
    linear_model.OrthogonalMatchingPursuit,
    linear_model.OrthogonalMatchingPursuitCV,
    linear_model.QuantileRegressor,
    linear_model.Ridge,
    linear_model.RidgeCV,
    linear_model.SGDRegressor,
    linear_model.TheilSenRegressor,
    svm.LinearSVR,
]

ANSWERS: dict[type, Convert] = {
    **dict.fromkeys(_NUMBERS, scores),
    linear_model.RANSACRegressor: _ransac,
    linear_model.PoissonRegressor: _generalised,
    linear_model.GammaRegressor: _generalised,
    linear_model.TweedieRegressor: _generalised,
    linear_model.LogisticRegression: _logistic_regression,
    linear_model.LogisticRegressionCV: _logistic_regression,
    linear_model.SGDClassifier: _sgd,
    discriminant_analysis.LinearDiscriminantAnalysis: _discriminant,
    naive_bayes.GaussianNB: _gaussian_bayes,
    naive_bayes.BernoulliNB: _bernoulli_bayes,
    naive_bayes.MultinomialNB: _multinomial_bayes,
    naive_bayes.ComplementNB: _complement_bayes,
    neural_network.MLPClassifier: _network,
    neural_network.MLPRegressor: _network,
    dummy.DummyClassifier: _constant_classes,
    dummy.DummyRegressor: _constant_number,
}
"""Probabilities, of the second class where there are two, or the number."""

DECISIONS: dict[type, Convert] = dict.fromkeys(
    [
        linear_model.LogisticRegression,
        linear_model.LogisticRegressionCV,
        linear_model.RidgeClassifier,
        linear_model.RidgeClassifierCV,
        linear_model.SGDClassifier,
        linear_model.Perceptron,
        discriminant_analysis.LinearDiscriminantAnalysis,
        svm.LinearSVC,
    ],
    scores,
)
"""The decision function, which a calibration or a stack may read."""
