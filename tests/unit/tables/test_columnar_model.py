"""Column by column an artifact predicts what it predicts row by row, to the last bit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertrain.conversion import to_flat
from evertrain.scoring import FlatModel
from evertrain.tables.columnar_model import predict_columns
from evertrain.tables.labelled_rows import LabelledRows
from tests.builders.models import a_model
from tests.builders.training_frames import late, training_frame, training_table
from tests.unit.conversion.test_flat import CLASSIFIERS


@pytest.fixture(scope="module", params=CLASSIFIERS)
def model(request: pytest.FixtureRequest) -> FlatModel:
    frame = training_frame(1_500)
    estimator: Any = CLASSIFIERS[request.param]
    return FlatModel.from_bytes(to_flat(estimator.fit(frame, late(frame)), a_model()))


def row_by_row(model: FlatModel, table: pa.Table) -> np.ndarray:
    return np.array(model.predict(LabelledRows("rows", table, a_model()).to_records(model.feature_names)))


def test_both_ways_give_the_same_bits(model: FlatModel) -> None:
    table = training_table(3_000, seed=5, missing=0.3)
    np.testing.assert_array_equal(predict_columns(model, table), row_by_row(model, table))


def test_also_of_text_in_several_chunks_and_of_levels_that_training_never_saw(model: FlatModel) -> None:
    new = training_table(50, seed=6).set_column(2, "carrier", pa.array(["ZZ", None] * 25))
    table = pa.concat_tables([training_table(70, seed=7), new])
    np.testing.assert_array_equal(predict_columns(model, table), row_by_row(model, table))


def test_no_rows_have_no_predictions(model: FlatModel) -> None:
    rows = replace(LabelledRows("rows", training_table(5).slice(0, 0), a_model()))
    assert rows.predict_with(model).shape == (0,)


@given(wind=st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=True)), holiday=st.booleans())
def test_any_value_goes_the_same_way(wind: float | None, holiday: bool) -> None:
    model = _boosting()
    table = pa.table(
        {
            "distance": pa.array([500.0]),
            "wind": pa.array([wind], pa.float64()),
            "carrier": pa.array(["UA"]),
            "holiday": pa.array([holiday]),
        }
    )
    np.testing.assert_array_equal(predict_columns(model, table), row_by_row(model, table))


def _boosting(kept: list[FlatModel] = []) -> FlatModel:  # noqa: B006  # fitted once
    if not kept:
        frame = training_frame(1_500)
        estimator = CLASSIFIERS["boosting with its own categories"].fit(frame, late(frame))
        kept.append(FlatModel.from_bytes(to_flat(estimator, a_model())))
    return kept[0]
