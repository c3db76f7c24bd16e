"""A landed file of rows is answered by a file: of the same form, in the same order, each row by itself."""

import gzip
import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from evertrain.conversion import to_flat
from evertrain.domain.landing.scoring import ScoringReport
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.model import ModelSpec
from evertrain.ports.batches import ObjectGone
from evertrain.ports.endpoint import EndpointError
from evertrain.ports.scoring import PartNotScored
from evertrain.scoring import FlatModel
from tests.builders.landed import csv, features_frame, parquet
from tests.builders.models import NOW, a_model, a_model_of_classes, days
from tests.builders.scoring import Scorer, later
from tests.builders.training_frames import late, training_frame
from tests.unit.conversion.test_flat import boosting

ROWS = 250


def an_artifact(spec: ModelSpec | None = None, *, seed: int = 0) -> bytes:
    frame = training_frame()
    estimator = boosting(categorical_features="from_dtype")
    return to_flat(estimator.fit(frame, late(frame, seed=seed)), spec or a_model())


@pytest.fixture(scope="module")
def artifact() -> bytes:
    return an_artifact()


@pytest.fixture
def scorer(artifact: bytes) -> Scorer:
    scorer = Scorer(spec=a_model(), artifact=artifact, rows_per_part=100)
    scorer.promote()
    return scorer


def sent_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame[["distance", "wind", "carrier", "holiday"]].astype(object)
    return rows.where(rows.notna(), None).to_dict("records")  # type: ignore[return-value]


def expected(artifact: bytes, frame: pd.DataFrame) -> list[float]:
    return [float(each) for each in FlatModel.from_bytes(artifact).predict(sent_rows(frame))]  # type: ignore[arg-type]


def test_each_row_is_answered_in_its_place_with_what_else_stood_in_it(scorer: Scorer, artifact: bytes) -> None:
    frame = features_frame(rows=ROWS)
    report = scorer.answer(csv(frame))
    assert report == ScoringReport(
        file="scoring/trips/1.csv",
        landed_at=NOW,
        model="trips",
        model_version="v1",
        rows=ROWS,
        refused=0,
        answer="memory://scores/scoring/trips/1.csv",
    )
    answered = scorer.answered()
    assert list(answered.columns) == ["trip_id", "departed_at", "prediction_id", "prediction", "error"]
    assert answered["trip_id"].tolist() == frame["trip_id"].tolist()
    assert answered["prediction"].tolist() == expected(artifact, frame)
    assert answered["error"].isna().all()


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "parquet", "arrow"])
def test_the_answer_has_the_form_of_the_file(scorer: Scorer, artifact: bytes, ending: str) -> None:
    frame, key = features_frame(rows=ROWS), f"scoring/trips/1.{ending}"
    arrow = io.BytesIO()
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.ipc.new_file(arrow, table.schema) as writer:
        writer.write_table(table)
    lines = "".join(
        f"{json.dumps(row | {'trip_id': name})}\n"
        for row, name in zip(sent_rows(frame), frame["trip_id"], strict=True)
    )
    bodies = {
        "csv": csv(frame),
        "csv.gz": gzip.compress(csv(frame)),
        "jsonl": lines.encode(),
        "parquet": parquet(frame),
        "arrow": arrow.getvalue(),
    }
    scorer.answer(bodies[ending], key=key)
    answer = scorer.store.published[key]
    readers = {
        "csv": lambda: pd.read_csv(io.BytesIO(answer)),
        "csv.gz": lambda: pd.read_csv(io.BytesIO(gzip.decompress(answer))),
        "jsonl": lambda: pd.DataFrame([json.loads(line) for line in answer.splitlines()]),
        "parquet": lambda: pd.read_parquet(io.BytesIO(answer)),
        "arrow": lambda: pa.ipc.open_file(io.BytesIO(answer)).read_pandas(),
    }
    read = readers[ending]()
    assert read["trip_id"].tolist() == frame["trip_id"].tolist()
    assert read["prediction"].tolist() == expected(artifact, frame)


def test_a_row_that_is_wrong_is_told_and_the_others_are_answered(scorer: Scorer, artifact: bytes) -> None:
    frame = features_frame(rows=ROWS)
    frame.loc[[3, 120], "distance"] = np.nan
    report = scorer.answer(csv(frame))
    assert (report.rows, report.refused) == (ROWS, 2)
    answered = scorer.answered()
    wrong = answered[answered["prediction"].isna()]
    assert wrong.index.tolist() == [3, 120]
    assert wrong["error"].unique().tolist() == ["distance: must be a number, not null"]
    assert answered["prediction"].dropna().tolist() == expected(artifact, frame.drop([3, 120]))


def test_a_column_that_cannot_be_read_refuses_the_file_with_the_first_row(scorer: Scorer) -> None:
    frame = features_frame(rows=ROWS).astype({"distance": object})
    frame.loc[119, "distance"] = "far"
    report = scorer.answer(csv(frame))
    assert report.error.startswith("distance: must be a number")
    assert "row 120 is the first that is not" in report.error
    assert (report.answer, scorer.store.published) == ("", {})
    assert scorer.store.reports["scoring/trips/1.csv"] == report


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "scoring/trips/1.csv cannot be read: "),
        (b"trip_id,distance,wind,carrier,holiday\n", "scoring/trips/1.csv has no rows"),
        (b"\x00\x01", "scoring/trips/1.csv"),
        (csv(features_frame().drop(columns="wind")), "wind: the column is missing; there are trip_id, departed_at, "),
        (csv(features_frame().rename(columns={"wind": "Wind"})), "wind: the column is missing; there is 'Wind'; "),
        (csv(features_frame(prediction=1)), "prediction: the answer has a column of this name; rename it in "),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused_in_a_sentence(scorer: Scorer, body: bytes, error: str) -> None:
    report = scorer.answer(body)
    assert error in report.error
    assert scorer.store.published == {}


@pytest.mark.parametrize(
    ("key", "error"),
    [
        ("scoring/boats/1.csv", "there is no model 'boats'; land it below scoring/<model>/, of trips"),
        ("scoring/1.csv", "the key names no model; land it below scoring/<model>/, of trips"),
    ],
)
def test_a_key_without_a_known_model_is_told(scorer: Scorer, key: str, error: str) -> None:
    assert scorer.answer(b"", key=key).error == error


def test_before_the_first_champion_a_file_is_refused(artifact: bytes) -> None:
    report = Scorer(spec=a_model(), artifact=artifact).answer(csv(features_frame()))
    assert report.error == "trips has no champion yet: land the file again once its first model is trained"


def test_all_parts_are_answered_by_one_version(scorer: Scorer, artifact: bytes) -> None:
    frame = features_frame(rows=ROWS)
    cut = scorer.score.split(scorer.land(csv(frame)))
    assert isinstance(cut, tuple)
    uri, plan = cut
    assert plan.parts == (100, 100, 50)
    scorer.score.score_part(uri, 0)
    scorer.promote("v2", artifact=an_artifact(seed=9), since=NOW + days(1))
    scorer.score.score_part(uri, 1)
    scorer.score.score_part(uri, 2)
    report = scorer.score.finish(uri)
    assert report is not None
    assert report.model_version == "v1"
    assert scorer.answered()["prediction"].tolist() == expected(artifact, frame)


def test_every_step_may_be_repeated(scorer: Scorer) -> None:
    body = csv(features_frame(rows=ROWS))
    first = scorer.answer(body)
    answer, kept = scorer.store.published[first.file], list(scorer.log.kept)
    assert scorer.answer(body) == first
    assert scorer.store.published[first.file] == answer
    assert scorer.log.kept == kept * 2  # the same rows by the same ids at the same time: they are counted once


def test_nothing_is_finished_before_all_parts_are_there(scorer: Scorer) -> None:
    cut = scorer.score.split(scorer.land(csv(features_frame(rows=ROWS))))
    assert isinstance(cut, tuple)
    scorer.score.score_part(cut[0], 0)
    with pytest.raises(PartNotScored, match=r"part 1 of \w+ has no answers yet"):
        scorer.score.finish(cut[0])
    assert scorer.store.published == {}


def test_a_file_that_another_replaced_meanwhile_leaves_the_answer_to_the_other(scorer: Scorer) -> None:
    cut = scorer.score.split(scorer.land(csv(features_frame(rows=20))))
    assert isinstance(cut, tuple)
    newer = scorer.answer(csv(features_frame(rows=30)), at=later(5))
    scorer.score.score_part(cut[0], 0)
    assert scorer.score.finish(cut[0]) is None
    assert scorer.store.reports[newer.file] == newer
    assert len(scorer.answered()) == 30


def test_a_file_may_be_tidied_away_once_it_was_read(scorer: Scorer) -> None:
    cut = scorer.score.split(scorer.land(csv(features_frame(rows=20))))
    assert isinstance(cut, tuple)
    scorer.landing.objects.clear()
    scorer.score.score_part(cut[0], 0)
    report = scorer.score.finish(cut[0])
    assert report is not None
    assert report.rows == 20
    with pytest.raises(ObjectGone):
        scorer.score.split(cut[1].landed)


def test_a_function_that_fails_is_asked_again_by_who_repeats_the_step(scorer: Scorer) -> None:
    landed = scorer.land(csv(features_frame(rows=20)))
    scorer.endpoint.broken.add("1")
    with pytest.raises(EndpointError):
        scorer.score.split(landed)
    assert scorer.store.reports == {}


def test_what_was_predicted_is_logged_by_the_ids_of_the_answer(scorer: Scorer) -> None:
    frame = features_frame(rows=ROWS)
    frame.loc[[3, 4], "distance"] = np.nan
    scorer.answer(csv(frame))
    kept = sorted(scorer.log.kept, key=lambda each: each.first_row or 0)
    assert [(each.first_row, len(each.rows)) for each in kept] == [(0, 3), (5, 95), (100, 100), (200, 50)]
    answered = scorer.answered().dropna(subset="prediction")
    assert [name for each in kept for name in each.row_ids] == answered["prediction_id"].tolist()
    assert [value for each in kept for value in each.predictions] == answered["prediction"].tolist()
    assert [row for each in kept for row in each.rows] == sent_rows(frame.drop([3, 4]))
    # A rollout compares what callers asked of both versions, and these asked neither.
    assert {(each.answered_at, each.model_version, each.function_version) for each in kept} == {(NOW, "v1", "")}


def test_a_share_is_logged_where_a_share_is_kept(artifact: bytes) -> None:
    spec = a_model()
    spec = replace(spec, endpoint=replace(spec.endpoint, log_share=0.0))
    scorer = Scorer(spec=spec, artifact=artifact)
    scorer.promote()
    assert scorer.answer(csv(features_frame())).refused == 0
    assert scorer.log.kept == []


def test_a_log_that_takes_nothing_keeps_nobody_from_an_answer(
    scorer: Scorer, caplog: pytest.LogCaptureFixture
) -> None:
    scorer.log.broken = True
    assert scorer.answer(csv(features_frame())).answer
    assert "prediction_not_kept file=scoring/trips/1.csv row=0" in caplog.text


def test_of_several_classes_each_has_its_probability() -> None:
    spec = a_model_of_classes()
    frame = training_frame()
    label = np.arange(len(frame)) % len(spec.label.classes)
    artifact = to_flat(boosting(categorical_features="from_dtype").fit(frame, label), spec)
    scorer = Scorer(spec=spec, artifact=artifact)
    scorer.promote()
    scorer.answer(csv(features_frame()))
    answered = scorer.answered()
    probabilities = answered.filter(like="probability_")
    assert len(probabilities.columns) == len(spec.label.classes)
    assert probabilities.sum(axis=1).to_numpy() == pytest.approx(1.0)
    assert answered["prediction"].tolist() == probabilities.max(axis=1).tolist()
    assert set(answered["predicted_class"]) <= set(spec.label.classes)


def test_times_are_as_old_as_they_were_at_the_row_s_event_or_when_the_file_landed() -> None:
    spec = a_model()
    built = Column(name="built_at", kind=FeatureKind.TIMESTAMP, nullable=True)
    group = replace(spec.group, columns=(*spec.group.columns, built))
    spec = replace(spec, group=group, feature_names=(*spec.feature_names, "built_at"))
    frame = training_frame().assign(built_at=np.arange(len(training_frame())) % 50.0)
    artifact = to_flat(boosting(categorical_features="from_dtype").fit(frame, frame["built_at"] > 20), spec)
    scorer = Scorer(spec=spec, artifact=artifact)
    scorer.promote()
    sent = features_frame(rows=40)
    sent["built_at"] = sent["departed_at"] - pd.to_timedelta(np.arange(40), unit="D")
    by_age = sent.assign(built_at=np.arange(40.0))
    rows = [row | {"built_at": age} for row, age in zip(sent_rows(sent), by_age["built_at"], strict=True)]
    at_events = [float(each) for each in FlatModel.from_bytes(artifact).predict(rows)]  # type: ignore[arg-type]
    scorer.answer(csv(sent))
    assert scorer.answered()["prediction"].tolist() == at_events
    assert scorer.log.kept[0].rows[1]["built_at"] == sent["built_at"][1].isoformat()

    moment = sent["departed_at"][0].to_pydatetime()
    sent["built_at"] = moment - pd.to_timedelta(np.arange(40), unit="D")
    scorer.answer(csv(sent.drop(columns="departed_at")), at=moment + timedelta(0))
    assert scorer.answered()["prediction"].tolist() == at_events
