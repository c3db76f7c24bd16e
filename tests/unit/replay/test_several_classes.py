"""A history whose label is one of several classes: found, replayed by every policy, and shown."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from sklearn.linear_model import LinearRegression, LogisticRegression

import evertrain
from evertrain.api.tables import path_or_table
from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.metric import Metric, Task
from evertrain.replay.comparison import compare_policies
from evertrain.replay.defaults import Columns, infer_model, with_default_policies
from evertrain.replay.estimators import built_in_estimator
from evertrain.replay.history import History, InvalidHistory, Rhythm, read_history
from evertrain.replay.label_classes import label_classes
from evertrain.replay.policies import DECLARED, replay
from evertrain.replay.raw_rows import RawRows, raw_rows_in_memory
from evertrain.replay.result import PolicyResult
from tests.builders.plants import SPECIES, plants


def raw(frame: pd.DataFrame) -> RawRows:
    table = path_or_table(frame, "rows")
    assert not isinstance(table, str)
    return raw_rows_in_memory("the table", table, infer_kinds=True)


def a_history(frame: pd.DataFrame, *, metric: Metric | None = None, label: str = "species") -> History:
    columns = Columns(label=label, event_time="seen_at", key="plant_id")
    inferred = infer_model(raw(frame), columns, name="plants", latency=timedelta(days=2), metric=metric)
    return with_default_policies(read_history(inferred.rows, inferred.spec, Rhythm(batch=timedelta(days=1))))


def replayed(history: History, policy: str) -> PolicyResult:
    make = built_in_estimator("linear", Task.CLASSIFICATION)
    return replay(history, policy, make_estimator=make, seed=0, start=0, on_step=lambda step: None)


def test_the_classes_of_a_text_are_found_in_their_order() -> None:
    spec = a_history(plants(days=10)).spec
    assert spec.label.classes == SPECIES
    assert spec.metric is Metric.BRIER_SCORE_LOSS
    history = a_history(plants(days=10), metric=Metric.LOG_LOSS)
    shares = np.unique(history.truth, return_counts=True)[1] / len(history.truth)
    assert history.spec.gate.floor == pytest.approx(-(shares * np.log(shares)).sum()), "what shares alone lose"


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ([1, 2, 3], ("1", "2", "3")),
        ([0.0, 1.0, 2.0, np.nan], ("0", "1", "2")),
        ([0, 1], ()),
        ([0, 1, 3], ()),
        ([5, 6, 7], ()),
        ([0.0, 0.5, 1.0], ()),
        (list(range(21)), ()),
        ([0] * 300 + [1] * 200 + [2], ()),
    ],
)
def test_a_few_whole_numbers_without_a_gap_are_classes(values: list[float], classes: tuple[str, ...]) -> None:
    frame = plants(days=10)
    frame["grade"] = np.resize(np.array(values, dtype=float if np.isnan(values).any() else None), len(frame))
    assert label_classes(raw(frame), "grade") == classes
    assert label_classes(raw(frame), "grade", may_be_numbers=False) == ()


def test_of_whole_numbers_the_metric_or_the_estimator_says_whether_they_count_something() -> None:
    frame = plants(days=14).assign(grade=lambda rows: np.arange(len(rows)) % 3)
    assert a_history(frame, label="grade").spec.label.classes == ("0", "1", "2")
    counted = a_history(frame, metric=Metric.MEAN_ABSOLUTE_ERROR, label="grade").spec
    assert (counted.task, counted.label.classes) == (Task.REGRESSION, ())
    rows = frame.drop(columns=["species", "region", "length"])
    told = evertrain.backtest(
        rows, label="grade", latency="1d", estimator=LinearRegression(), key="plant_id", policies=["never"], workers=1
    )
    assert "mean_absolute_error" in str(told.to_dict())


@pytest.mark.parametrize("policy", [DECLARED, "every_batch", "adwin", "never"])
def test_every_policy_predicts_each_class(policy: str) -> None:
    history = a_history(plants(days=45, changes_at=30))
    found = replayed(history, policy)
    scored = [value for value in found.metric_by_batch if value is not None]
    assert min(scored) < 0.75 * history.spec.gate.floor, "before the change, a model is worth something"
    if policy == "never":
        assert min(scored[-5:]) > history.spec.gate.floor
    elif policy != DECLARED:
        assert found.retrains


def test_after_a_change_the_loop_comes_back_and_the_metric_is_that_of_its_rows() -> None:
    history = a_history(plants(days=70, changes_at=40), metric=Metric.ROC_AUC_OVR_SCORE)
    results = [replayed(history, policy) for policy in (DECLARED, "never")]
    last = [np.mean([each for each in result.metric_by_batch[-6:] if each is not None]) for result in results]
    assert last[0] > last[1] + 0.2
    answer = compare_policies(history, results, start=0).answer
    assert answer.startswith("Retraining would have improved roc_auc_ovr_score by 0.")


def test_a_class_that_comes_later_is_not_probable_before(tmp_path: Path) -> None:
    """Nor is it a failure: the first models never saw it."""
    frame = plants(days=45)
    early = frame["seen_at"] < frame["seen_at"].iloc[0] + pd.Timedelta(days=25)
    frame = frame[~(early & (frame["species"] == "virginica"))]
    found = evertrain.backtest(
        frame,
        label="species",
        latency="1d",
        estimator="linear",
        key="plant_id",
        batch="1d",
        policies=["declared", "every_batch"],
        workers=1,
    )
    for result in found.replayed.results:
        first = next(each for each in result.metric_by_batch if each is not None)
        assert first < 0.6
        assert result.metric is not None
    found.page.render()


def test_a_metric_that_does_not_suit_is_refused_with_those_that_do() -> None:
    with pytest.raises(InvalidHistory, match="--metric f1_score: species has 3 classes; allowed: accuracy_score"):
        a_history(plants(days=10), metric=Metric.F1_SCORE)
    frame = plants(days=10).assign(species=lambda rows: rows["species"] == "setosa")
    with pytest.raises(InvalidHistory, match="--metric f1_macro_score: species has 2 classes; allowed: roc_auc"):
        a_history(frame, metric=Metric.F1_MACRO_SCORE)


def test_a_class_by_itself_cannot_be_chosen_from_several() -> None:
    with pytest.raises(EvertrainError, match="has 3 classes, and the probability of each is predicted; leave it out"):
        label_classes(raw(plants(days=2)), "species", positive="setosa")


def test_an_estimator_of_a_notebook_answers_as_it_does_there() -> None:
    """`never` is one model for all that follows: its metric is what scikit-learn says of it."""
    frame = plants(days=40)[["plant_id", "seen_at", "width", "species"]]
    found = evertrain.backtest(
        frame,
        label="species",
        latency="1d",
        estimator=LogisticRegression(),
        key="plant_id",
        metric="accuracy_score",
        batch="1d",
        policies=["never"],
        workers=1,
    )
    (result,) = found.replayed.results
    known = [number for number, value in enumerate(result.metric_by_batch) if value is not None]
    first_scored = known[0]
    later = frame["seen_at"] >= frame["seen_at"].iloc[0] + pd.Timedelta(days=first_scored)
    model = LogisticRegression().fit(frame.loc[~later, ["width"]], frame.loc[~later, "species"])
    expected = sk.accuracy_score(frame.loc[later, "species"], model.predict(frame.loc[later, ["width"]]))
    assert result.metric == pytest.approx(expected, abs=0.02)
