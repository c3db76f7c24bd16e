"""The frame that estimators are fitted on: kinds, missing values, and categories that do not change with the rows."""

import numpy as np
import pyarrow as pa
import pytest

from evertrain.conversion.frame import to_frame
from evertrain.domain.project.feature_group import Column, FeatureKind

WIND = Column(name="wind", kind=FeatureKind.NUMERIC, nullable=True)
HOLIDAY = Column(name="holiday", kind=FeatureKind.BOOLEAN, nullable=True)
CARRIER = Column(name="carrier", kind=FeatureKind.CATEGORICAL, nullable=True)


def test_numbers_and_booleans_are_floats_with_nan_for_missing() -> None:
    table = pa.table({"wind": [1.5, None], "holiday": pa.array([True, None])})
    frame = to_frame(table, [WIND, HOLIDAY])
    np.testing.assert_array_equal(frame["wind"], [1.5, np.nan])
    np.testing.assert_array_equal(frame["holiday"], [1.0, np.nan])
    assert [str(dtype) for dtype in frame.dtypes] == ["float64", "float64"]


def test_an_estimator_may_change_its_frame_and_the_rows_stay_what_they_are() -> None:
    table = pa.table({"wind": [1.5, 2.5], "carrier": ["AA", "UA"]})
    frame = to_frame(table, [WIND, CARRIER])
    frame.loc[0, "wind"] = 0.0
    frame.loc[0, "carrier"] = "UA"
    assert table.to_pydict() == {"wind": [1.5, 2.5], "carrier": ["AA", "UA"]}
    assert frame["wind"].tolist() == [0.0, 2.5]


def test_columns_come_in_the_model_s_order_and_others_are_left_out() -> None:
    table = pa.table({"trip_id": ["1"], "carrier": ["AA"], "wind": [1.0]})
    assert list(to_frame(table, [WIND, CARRIER]).columns) == ["wind", "carrier"]


def test_categories_are_those_of_the_rows_sorted() -> None:
    frame = to_frame(pa.table({"carrier": ["UA", None, "AA", "UA"]}), [CARRIER])
    assert list(frame["carrier"].cat.categories) == ["AA", "UA"]
    assert list(frame["carrier"].cat.codes) == [1, -1, 0, 1]


def test_what_fixed_categories_do_not_hold_is_missing() -> None:
    frame = to_frame(pa.table({"carrier": ["ZZ", "AA"]}), [CARRIER], categories={"carrier": ["UA", "AA"]})
    assert list(frame["carrier"].cat.categories) == ["UA", "AA"]
    assert list(frame["carrier"].cat.codes) == [-1, 1]


@pytest.mark.parametrize("text", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_text_may_come_in_chunks_of_any_arrow_text(text: pa.DataType) -> None:
    chunks = pa.chunked_array([pa.array(["UA"]).cast(text), pa.array(["AA", None]).cast(text)])
    assert list(to_frame(pa.table({"carrier": chunks}), [CARRIER])["carrier"].cat.codes) == [1, 0, -1]


def test_text_may_be_dictionary_encoded() -> None:
    chunks = pa.chunked_array([["UA"], ["AA", None]]).dictionary_encode()
    assert list(to_frame(pa.table({"carrier": chunks}), [CARRIER])["carrier"].cat.codes) == [1, 0, -1]


def test_a_column_without_a_value_has_no_categories() -> None:
    frame = to_frame(pa.table({"carrier": pa.array([None, None], pa.string())}), [CARRIER])
    assert list(frame["carrier"].cat.codes) == [-1, -1]
