"""Estimators without a flat form: served as they are; and what cannot be is refused by name, with a remedy."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.svm import LinearSVC

from evertrain.conversion import check_parity, to_flat
from evertrain.domain.project.metric import Metric, Task
from evertrain.domain.project.policies import EndpointPolicy, Tier
from evertrain.sklearn_tier.reading import read_model
from evertrain.sklearn_tier.writing import UnsupportedEstimator, to_artifact
from evertrain.tables.labelled_rows import LabelledRows
from tests.builders.estimators import plain
from tests.builders.models import a_model, a_model_of_classes
from tests.builders.second_tier import SECOND_TIER
from tests.builders.training_frames import delay, late, lateness, training_frame, training_table

FRAME = training_frame(200)
SPEC = replace(a_model(), endpoint=EndpointPolicy(tier=Tier.SKLEARN))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", sorted(SECOND_TIER))
def test_what_has_no_flat_form_answers_as_it_does(name: str) -> None:
    estimator = SECOND_TIER[name]
    spec = SPEC if is_classifier(estimator) else replace(SPEC, task=Task.REGRESSION, metric=Metric.R2_SCORE)
    estimator.fit(FRAME, late(FRAME) if is_classifier(estimator) else delay(FRAME))
    with pytest.raises(UnsupportedEstimator):
        to_flat(estimator, spec)
    model = read_model(to_artifact(estimator, spec, FRAME), root=Path())
    assert check_parity(estimator, training_frame(60, seed=4), model) <= 1e-12


@pytest.mark.parametrize("unseen", [None, 1])
def test_several_classes_are_answered_each_in_the_order_of_their_names(unseen: int | None) -> None:
    """With the probability 0 of one that no training row had."""
    spec = replace(a_model_of_classes(), endpoint=EndpointPolicy(tier=Tier.SKLEARN))
    frame = training_frame(300)
    truth = lateness(frame)
    there = truth != unseen
    estimator = make_pipeline(plain(), KNeighborsClassifier()).fit(frame[there], truth[there])
    model = read_model(to_artifact(estimator, spec, frame), root=Path())
    assert check_parity(estimator, frame, model) <= model.tolerance
    table = training_table(40, seed=5)
    rows = LabelledRows("rows", table, spec)
    answered = np.array(model.predict(rows.to_records(model.feature_names)))
    assert answered.shape == (40, 3)
    assert unseen is None or not answered[:, unseen].any()
    np.testing.assert_allclose(rows.predict_with(model), answered)


def refusal(estimator: Any) -> str:
    with pytest.raises(UnsupportedEstimator) as refused:
        to_artifact(estimator.fit(FRAME, late(FRAME)), SPEC, FRAME)
    return str(refused.value)


def test_a_classifier_without_probabilities_is_refused() -> None:
    told = refusal(make_pipeline(plain(), LinearSVC()))
    assert told == "LinearSVC gives no probabilities; put it into a CalibratedClassifierCV"


def test_a_function_without_a_name_is_refused() -> None:
    told = refusal(make_pipeline(plain(), FunctionTransformer(lambda x: x), LogisticRegression()))
    assert told.startswith("LogisticRegression holds <lambda>, which has no name to be found by: define it with def")


def test_what_an_artifact_may_not_hold_is_refused() -> None:
    told = refusal(make_pipeline(plain(), FunctionTransformer(copy.copy), KNeighborsClassifier()))
    assert told.startswith("KNeighborsClassifier holds copy.copy, which an artifact may not: write a function")


def test_one_that_raises_on_what_a_caller_may_send_is_refused_by_the_feature() -> None:
    estimator = make_pipeline(plain(text=OneHotEncoder()), KNeighborsClassifier()).fit(FRAME, late(FRAME))
    model = read_model(to_artifact(estimator, SPEC, FRAME), root=Path())
    with pytest.raises(
        UnsupportedEstimator, match="trips: the estimator raises ValueError on rows of an unseen carrier"
    ):
        check_parity(estimator, FRAME, model)
