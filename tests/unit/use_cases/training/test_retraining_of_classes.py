"""A retraining of a model of three classes, from its plan to the champion, with real training; and how it fails."""

import logging
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from evertrain.domain.monitoring.performance import merge_days, realised_metric
from evertrain.domain.project.metric import GuardMetric, Metric
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.policies import GatePolicy, SliceSpec
from evertrain.domain.training.evaluation import Evaluation, SmokeTest, UnusableRows
from evertrain.domain.training.gate import GateReason
from evertrain.ports.endpoint import EndpointError
from evertrain.scoring import FlatModel
from evertrain.statistics.reference import Reference
from evertrain.tables.labelled_rows import LabelledRows
from evertrain.use_cases.training.evaluate_contenders import ChampionNotComparable
from tests.builders.models import LATENESS, days
from tests.builders.retraining import MODEL, Retraining, a_trainable_model

GATE = GatePolicy(
    margin=0.02,
    slices=(SliceSpec(column="carrier", margin=1),),
    guards={GuardMetric.EXPECTED_CALIBRATION_ERROR: 0.2, Metric.ACCURACY_SCORE: 0.2},
)


def of_classes(*classes: str, metric: Metric = Metric.BRIER_SCORE_LOSS) -> ModelSpec:
    spec = a_trainable_model(gate=GATE)
    return replace(spec, metric=metric, label=replace(spec.label, classes=classes or LATENESS))


def set_labels(loop: Retraining, labels: np.ndarray) -> None:
    table = loop._rows.table
    loop._rows.table = table.set_column(table.column_names.index("late"), "late", pa.array(labels.astype(float)))


@pytest.fixture
def loop() -> Retraining:
    """Windy trips are late, far ones very late."""
    found = Retraining(of_classes())
    table = found._rows.table
    wind, distance = table["wind"].to_numpy(zero_copy_only=False), table["distance"].to_numpy()
    rng = np.random.default_rng(0)
    far, windy = distance + rng.normal(0, 200, len(distance)) > 2_000, np.nan_to_num(wind, nan=8) > 11
    set_labels(found, np.where(far, 2, windy))
    return found


def evaluation_of(loop: Retraining, plan_uri: str) -> Evaluation:
    return loop.runs.evaluation(loop.runs.plan(plan_uri))


@pytest.mark.parametrize("metric", [Metric.BRIER_SCORE_LOSS, Metric.ROC_AUC_OVR_SCORE, Metric.F1_MACRO_SCORE])
def test_a_first_model_becomes_champion_and_the_next_one_is_compared_with_it(
    loop: Retraining, metric: Metric
) -> None:
    loop.declare(of_classes(metric=metric))
    first = loop.promoted("d-1")
    evaluated = evaluation_of(loop, loop.plan("d-1").plan_uri)
    score, constant = evaluated.contender_score.value, evaluated.constant_score
    assert constant is not None
    assert (score > constant) == metric.higher_is_better
    promised = realised_metric(metric, merge_days(evaluated.promised))
    assert promised is not None
    assert promised.value == pytest.approx(score, abs=1e-3)

    loop.advance(days(7))
    second = evaluation_of(loop, loop.evaluated("d-2"))
    assert second.champion_version == first
    assert {each.metric for each in second.guards} == set(GATE.guards)
    assert {each.column for each in second.slices} == {"carrier"}
    assert second.difference is not None
    assert second.difference.low < second.difference.value < second.difference.high


def test_the_reference_has_the_class_and_how_probable_it_is(loop: Retraining) -> None:
    champion = loop.registry.version(MODEL, loop.promoted("d-1"))
    reference = Reference.from_bytes(loop.artifacts.objects[champion.reference_uri])
    assert reference.prediction is not None
    assert [feature.name for feature in reference.prediction.features] == ["prediction", "predicted_class"]
    assert {feature.importance for feature in reference.features} != {None}


def test_the_smoke_test_compares_each_class(loop: Retraining) -> None:
    version, published = loop.published("d-1")
    uri = loop.registry.version(MODEL, version).smoke_test_uri
    kept = loop.runs.smoke_test(uri)
    assert all(isinstance(each, tuple) and sum(each) == pytest.approx(1) for each in kept.predictions)
    loop.roll_out.smoke_test(MODEL, version, function_version=published.function_version)
    swapped = tuple((each[1], each[0], each[2]) for each in kept.predictions if isinstance(each, tuple))
    for wrong in (swapped, tuple(0.5 for _ in kept.predictions)):
        loop.runs.smoke_test = lambda _, wrong=wrong: SmokeTest(rows=kept.rows, predictions=wrong)  # type: ignore[method-assign, misc]
        with pytest.raises(EndpointError, match="away from what the artifact predicted in training"):
            loop.roll_out.smoke_test(MODEL, version, function_version=published.function_version)


def test_a_class_that_the_window_lacks_is_not_probable_and_that_is_logged(
    loop: Retraining, caplog: pytest.LogCaptureFixture
) -> None:
    labels = loop._rows.table["late"].to_numpy()
    set_labels(loop, np.where(labels == 1, 0, labels))
    with caplog.at_level(logging.WARNING):
        loop.promoted("d-1")
    assert "classes_unseen model=trips candidate=14d classes='late'" in caplog.text
    champion = loop.registry.champion(MODEL)
    assert champion is not None
    flat = FlatModel.from_bytes(loop.artifacts.get(champion.artifact_uri, expected_sha256=champion.artifact_sha256))
    found = LabelledRows("all", loop._rows.table, of_classes()).predict_with(flat)
    assert found.shape == (loop._rows.table.num_rows, 3)
    assert not found[:, 1].any()


def test_rows_of_one_class_are_told_by_its_name(loop: Retraining) -> None:
    loop.set_all_labels(2.0)
    planned = loop.plan("d-1")
    trial = loop.train(planned.plan_uri, "14d")
    assert "all 840 rows of window 14d have the label late=very late, nothing can be told apart" in trial.unusable


def test_one_class_in_the_gate_slice_is_refused(loop: Retraining) -> None:
    planned = loop.plan("d-1")
    for candidate in planned.plan.candidates:
        loop.train(planned.plan_uri, candidate.name)
    loop.set_all_labels(1.0)
    with pytest.raises(UnusableRows, match="rows of the gate slice have the label late=late, nothing can be told"):
        loop.evaluate(planned.plan_uri)


def test_a_class_that_is_declared_later_is_not_probable_for_the_champion(loop: Retraining) -> None:
    loop.promoted("d-1")
    loop.advance(days(7))
    loop.declare(of_classes(*LATENESS, "cancelled"))
    labels = loop._rows.table["late"].to_numpy().copy()
    labels[::5] = 3
    set_labels(loop, labels)
    plan_uri = loop.evaluated("d-2")
    assert loop.gate(plan_uri).reason is GateReason.BETTER, "the champion never says cancelled"


def test_two_classes_may_become_three(loop: Retraining) -> None:
    loop.declare(of_classes(*LATENESS[:2], metric=Metric.BRIER_SCORE_LOSS))
    labels = loop._rows.table["late"].to_numpy()
    set_labels(loop, np.minimum(labels, 1))
    loop.promoted("d-1")
    loop.advance(days(7))
    loop.declare(of_classes())
    set_labels(loop, labels)
    assert loop.gate(loop.evaluated("d-2")).reason is GateReason.BETTER


@pytest.mark.parametrize("classes", [("late", "on time", "very late"), ("on time", "late")])
def test_classes_in_another_order_are_refused_with_the_remedy(loop: Retraining, classes: tuple[str, ...]) -> None:
    loop.promoted("d-1")
    loop.advance(days(7))
    loop.declare(of_classes(*classes))
    if len(classes) == 2:
        set_labels(loop, np.minimum(loop._rows.table["late"].to_numpy(), 1))
    planned = loop.plan("d-2")
    for candidate in planned.plan.candidates:
        loop.train(planned.plan_uri, candidate.name)
    told = "label.classes were on time, late, very late when it was trained, and are .*; labels are kept by their "
    with pytest.raises(ChampionNotComparable, match=told + "place there, so keep that order"):
        loop.evaluate(planned.plan_uri)
