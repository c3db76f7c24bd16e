"""One's own rows become batches and labels as the loop would have got them; what can't be replayed is said in a
sentence."""

import gzip
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.metric import Metric, Task
from evertrain.replay.history import InvalidHistory
from evertrain.replay.raw_rows import UnreadableRows
from tests.builders.history import FIRST_DAY, a_history, history_frame


def test_rows_become_batches_of_the_rhythm_that_they_have(tmp_path: Path) -> None:
    history = a_history(tmp_path, history_frame(batches=10, rows=60), batch=None)
    assert history.batch == timedelta(days=1)
    assert [step.end - step.first for step in history.steps] == [60] * 10
    assert [step.start for step in history.steps][:2] == [FIRST_DAY, FIRST_DAY + timedelta(days=1)]
    assert a_history(tmp_path, history_frame(batches=90, rows=8), batch=None).batch == timedelta(days=7)
    assert a_history(tmp_path, history_frame(batches=90, rows=1), batch=None).batch == timedelta(days=28)


def test_a_day_without_rows_is_a_step_in_which_nothing_lands(tmp_path: Path) -> None:
    frame = history_frame(batches=10)
    history = a_history(tmp_path, frame[~frame["departed_at"].dt.day.between(4, 5)])
    assert [step.is_empty for step in history.steps] == [day in (3, 4) for day in range(10)]


def test_the_order_of_the_file_does_not_matter(tmp_path: Path) -> None:
    frame = history_frame(batches=10)
    assert a_history(tmp_path, frame).table.equals(a_history(tmp_path, frame.sample(frac=1, random_state=0)).table)


def test_a_label_is_known_when_its_latency_has_passed_or_at_its_own_time(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    assert set(history.known_at - history.event_times) == {np.timedelta64(2, "D")}
    frame = history_frame(batches=10)
    frame["paid_at"] = frame["departed_at"] + pd.to_timedelta(np.arange(len(frame)) % 5, unit="D")
    own = a_history(tmp_path, frame, label_time="paid_at")
    assert "paid_at" not in own.spec.feature_names
    np.testing.assert_array_equal(np.sort(own.known_at), np.sort(frame["paid_at"].dt.tz_localize(None).to_numpy()))


def test_a_label_that_never_came_is_no_label(tmp_path: Path) -> None:
    frame = history_frame(batches=10)
    frame["late"] = frame["late"].astype(float).where(np.arange(len(frame)) % 3 > 0)
    assert np.isnan(a_history(tmp_path, frame).truth).sum() == len(frame) // 3


def test_kinds_and_metric_follow_from_the_columns(tmp_path: Path) -> None:
    frame = history_frame(batches=10).assign(
        holiday=True, booked_at=lambda rows: rows["departed_at"] - pd.Timedelta(days=3), note=lambda rows: rows.index
    )
    frame["note"] = frame["note"].map("note {}".format)
    frame.insert(0, "Unnamed: 0", range(len(frame)))
    history = a_history(tmp_path, frame)
    kinds = {feature.name: feature.kind for feature in history.spec.features}
    assert kinds == {
        "wind": FeatureKind.NUMERIC,
        "load": FeatureKind.NUMERIC,
        "carrier": FeatureKind.CATEGORICAL,
        "holiday": FeatureKind.BOOLEAN,
        "booked_at": FeatureKind.TIMESTAMP,
    }, "a text with a value of its own in each row names it"
    assert history.table["booked_at"].to_pylist()[:2] == [3.0, 3.0], "a time is its age in days"
    assert (history.spec.task, history.spec.metric) == (Task.CLASSIFICATION, Metric.ROC_AUC_SCORE)
    delays = a_history(tmp_path, history_frame(batches=10).assign(late=lambda rows: rows["wind"] * 60))
    assert (delays.spec.task, delays.spec.metric) == (Task.REGRESSION, Metric.MEAN_ABSOLUTE_ERROR)
    assert delays.spec.training.windows == (timedelta(days=8), timedelta(days=32))


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    frame = history_frame(batches=10)
    of_parquet = a_history(tmp_path, frame, write=lambda rows, path: rows.to_parquet(path, index=False))
    assert of_parquet.table.equals(a_history(tmp_path, frame).table)


def test_a_spreadsheet_s_csv_is_read_as_any_other(tmp_path: Path) -> None:
    frame = history_frame(batches=10)
    usual = a_history(tmp_path, frame).table
    with_commas = a_history(
        tmp_path, frame, write=lambda rows, path: rows.to_csv(path, index=False, sep=";", decimal=",")
    )
    assert with_commas.table.equals(usual)

    def compressed_without_saying_so(rows: pd.DataFrame, path: Path) -> None:
        path.write_bytes(gzip.compress(rows.to_csv(index=False, sep=";", decimal=",").encode()))

    assert a_history(tmp_path, frame, write=compressed_without_saying_so).table.equals(usual)


def repeat(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.tail(2), frame.tail(1)])


WRONG: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "repeated": (repeat, "3 rows repeat the trip_id and departed_at of an earlier row; leave out the repeats"),
    "one class": (lambda rows: rows.assign(late=1), "every late is the same class, so nothing can be learnt"),
    "constant": (lambda rows: rows.assign(late=7.5), "every late is the same value, so nothing can be learnt"),
    "a hundred classes": (
        lambda rows: rows.assign(late=np.array([f"c{number}" for number in range(100)])[np.arange(len(rows)) % 100]),
        "rows.csv: late is text of 100 classes, and a model tells 2 to 50 apart: write one word for those that are "
        "alike",
    ),
    "one text": (
        lambda rows: rows.assign(late="high"),
        "rows.csv: late holds one text alone, high: nothing can be told",
    ),
    "empty texts": (lambda rows: rows.assign(late=" "), "rows.csv: late holds no text: nothing can be told apart"),
    "no label column": (lambda rows: rows.drop(columns="late"), "rows.csv has no column late; it has trip_id"),
    "no label": (lambda rows: rows.assign(late=np.nan), "late is of type null"),
    "no time": (lambda rows: rows.assign(departed_at="soon"), "departed_at: must be an ISO 8601 time; row 1"),
    "no rows": (lambda rows: rows.head(0), "rows.csv"),
    "no feature": (lambda rows: rows[["trip_id", "departed_at", "late"]], "has no column to learn from"),
    "a column twice": (
        lambda rows: pd.concat([rows, rows[["wind"]]], axis=1),
        "rows.csv has several columns named wind",
    ),
    "labels before their events": (
        lambda rows: rows.assign(known=rows["departed_at"] - pd.Timedelta(hours=1)),
        "labels were known before their event: known is earlier than departed_at",
    ),
    "labels without a time": (
        lambda rows: rows.assign(known=rows["departed_at"].where(rows.index > 2)),
        "3 rows have a label but no known",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_replayed_is_one_sentence(tmp_path: Path, what: str) -> None:
    spoil, sentence = WRONG[what]
    frame = spoil(history_frame(batches=10))
    with pytest.raises((InvalidHistory, UnreadableRows)) as caught:
        a_history(tmp_path, frame, label_time="known" if "known" in frame else None)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_century_of_minutes_is_a_mistake(tmp_path: Path) -> None:
    frame = history_frame(batches=2)
    frame.loc[0, "departed_at"] -= pd.Timedelta(days=36_500)
    with pytest.raises(InvalidHistory, match="more than 20,000 batches; declare a longer --batch"):
        a_history(tmp_path, frame, batch=timedelta(hours=1))
