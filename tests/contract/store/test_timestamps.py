"""A feature that is a time is stored as one; models and statistics see its age, from landing to answering."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from evertrain.adapters.landing import files as landed_files
from evertrain.adapters.landing.prediction_files import prediction_file
from evertrain.adapters.landing.rows import LandedRowsReader
from evertrain.conversion import check_parity, to_flat
from evertrain.conversion.frame import to_frame
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.project.policies import DriftPolicy
from evertrain.ports.batch_reader import BatchRejected
from evertrain.scoring import FlatModel, InvalidRow, validate_rows
from evertrain.statistics.reference import Reference, build_reference
from evertrain.statistics.sketch import merge
from evertrain.statistics.verdict import judge
from evertrain.tables.labelled_rows import LabelledRows
from evertrain.use_cases.training.training_rows import StoredTrainingRows
from tests.builders.batches import FEATURES, LABELS
from tests.builders.landed import csv, features_frame, landed_labels, parquet
from tests.builders.models import NOW, a_group, a_model
from tests.builders.predictions import answered
from tests.builders.store import ALL_TIME, Store

ROWS = 600


def a_spec() -> ModelSpec:
    joined = Column(name="joined", kind=FeatureKind.TIMESTAMP, nullable=True)
    group = replace(a_group(), columns=(*a_group().columns, joined))
    return replace(a_model(), group=group, feature_names=(*a_model().feature_names, "joined"))


PROJECT = Project(groups={"trips": a_spec().group}, models={"trips": a_spec()})


def trips(*, day: int = 1, years: float = 3.0) -> pd.DataFrame:
    """Whose riders joined up to so many years before; of every tenth it is not known."""
    rng = np.random.default_rng(day)
    frame = features_frame(day=day, rows=ROWS)
    frame = frame.assign(departed_at=frame["departed_at"].dt.floor("us"))
    ages = pd.Series(pd.to_timedelta(rng.integers(0, int(years * 365 * 86_400e6), ROWS), unit="us"))
    joined = (frame["departed_at"] - ages).where(rng.random(ROWS) > 0.1)
    return frame.assign(joined=joined)


def columns_of(body: bytes, *, name: str = "features/trips/1.parquet") -> dict[str, np.ndarray]:
    with LandedRowsReader(project=PROJECT).read(io.BytesIO(body), name=name, feed=FEATURES, now=NOW) as rows:
        assert pq.read_schema(rows.file).field("joined").type == pa.timestamp("us", tz="UTC")
        parts = list(rows.parts(["joined"]))
    return {"joined": np.concatenate([part["joined"] for part in parts])}


def expected_ages(frame: pd.DataFrame) -> np.ndarray:
    return np.array(
        [
            np.nan if pd.isna(joined) else (at.to_pydatetime() - joined.to_pydatetime()) / timedelta(days=1)
            for at, joined in zip(frame["departed_at"], frame["joined"], strict=True)
        ]
    )


@pytest.mark.parametrize("rows_at_a_time", [1 << 18, 100])
def test_the_monitor_sees_the_age_at_the_row_s_event_time(
    monkeypatch: pytest.MonkeyPatch, *, rows_at_a_time: int
) -> None:
    monkeypatch.setattr(landed_files, "ROWS_PER_CHUNK", rows_at_a_time)
    np.testing.assert_array_equal(columns_of(parquet(trips()))["joined"], expected_ages(trips()))
    np.testing.assert_array_equal(columns_of(csv(trips()), name="f.csv")["joined"], expected_ages(trips()))


def test_a_column_of_times_without_any_value_is_missing_throughout() -> None:
    assert np.isnan(columns_of(parquet(trips().assign(joined=None)))["joined"]).all()


@pytest.mark.parametrize(
    ("joined", "code", "expected_message"),
    [
        (3.5, "wrong_type", "joined: must be a timestamp, not double"),
        (pd.Timestamp("1899-12-31", tz="UTC"), "out_of_range", "joined: 600 of 600 values are before 1900"),
    ],
)
def test_what_is_no_time_is_refused_by_name(joined: object, code: str, expected_message: str) -> None:
    with pytest.raises(BatchRejected) as raised:
        columns_of(parquet(trips().assign(joined=joined)))
    (fault,) = raised.value.faults
    assert fault.code == code
    assert expected_message in fault.message


def test_training_and_serving_see_the_same_age(tmp_path: Path) -> None:
    spec, store = a_spec(), Store(root=tmp_path, project=PROJECT)
    frame = trips()
    store.add(FEATURES, parquet(frame), ingested_at=NOW)
    store.add(LABELS, landed_labels(rows=ROWS, late=(expected_ages(frame) > 300) * 1.0), ingested_at=NOW)
    table = StoredTrainingRows(tables=store.reader).read_labelled(spec, store.plan(spec), ALL_TIME)
    np.testing.assert_array_equal(np.array(table["joined"].to_pylist(), dtype=float), expected_ages(frame))

    rows = LabelledRows("all", table, spec)
    data = to_frame(table, spec.features)
    estimator = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype", random_state=0)
    flat = FlatModel.from_bytes(to_flat(estimator.fit(data, rows.truth), spec))
    assert check_parity(estimator, data, flat) < 1e-9
    assert np.std(flat.predict(rows.to_records(spec.feature_names))) > 0.1

    asked = []
    for known, joined, at in zip(
        rows.to_records(spec.feature_names), frame["joined"], frame["departed_at"], strict=True
    ):
        row = known | {"joined": None if pd.isna(joined) else joined.tz_convert("America/New_York").isoformat()}
        asked += flat.predict(validate_rows([row], flat.features, asked_at=at.to_pydatetime()))
    assert asked == flat.predict(rows.to_records(spec.feature_names))
    # The rollout asks with ages, as the smoke test keeps them.
    known = rows.to_records(spec.feature_names)
    assert validate_rows(known, flat.features) == known


@pytest.mark.parametrize("joined", ["last week", 1_364_774_400, "2013-13-01", True])
def test_a_request_without_a_time_is_refused_by_name(joined: object) -> None:
    flat = FlatModel.from_bytes(to_flat(fitted(), a_spec()))
    row = {"distance": 1.0, "wind": None, "carrier": "AA", "holiday": True}
    with pytest.raises(InvalidRow, match="joined: must be an ISO 8601 time or null, not "):
        validate_rows([row | {"joined": joined}], flat.features, asked_at=NOW)
    example = next(feature.example for feature in flat.features if feature.name == "joined")
    (fits,) = validate_rows([row | {"joined": example}], flat.features, asked_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert fits["joined"] == pytest.approx(1 / 1440)


def test_days_passing_are_no_drift_and_other_riders_are() -> None:
    reference = a_reference(trips(years=3.0))
    for frame, drifted in ((trips(day=9), False), (trips(day=9, years=1.0), True)):
        sketch = merge([reference.sketch(columns_of(parquet(frame)))])
        assert judge(reference, sketch, policy=DriftPolicy()).by_importance[0].drifted is drifted


def test_what_was_asked_is_kept_as_a_time() -> None:
    requests = answered(3, joined=["2013-01-31T12:00:00-05:00", None, "no time"])
    table = pq.read_table(io.BytesIO(prediction_file(a_spec(), [requests])))
    assert table["joined"].to_pylist() == [datetime(2013, 1, 31, 17, tzinfo=UTC), None, None]


def fitted() -> HistGradientBoostingClassifier:
    table = pa.table(
        {**{name: trips()[name].tolist() for name in a_model().feature_names}, "joined": expected_ages(trips())}
    )
    frame = to_frame(table, a_spec().features)
    estimator = HistGradientBoostingClassifier(max_iter=2, categorical_features="from_dtype", random_state=0)
    return estimator.fit(frame, np.arange(ROWS) % 2)


def a_reference(frame: pd.DataFrame) -> Reference:
    features = [feature for feature in a_spec().features if feature.name == "joined"]
    built = build_reference(columns_of(parquet(frame)), features)
    return Reference.from_bytes(built.to_bytes())
