"""Arrow's columns reach the statistics whole, whatever their type, chunks, offsets and nulls."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evertrain.statistics.layouts import Categories
from evertrain.tables.columns import as_column


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1.5, None, 3.0]),
        pa.array([9.0, 1.5, None, 3.0]).slice(1),
        pa.chunked_array([[1.5], [None], [3.0]]),
        pa.array([1.5, float("nan"), 3.0], pa.float32()),
    ],
)
def test_numbers_keep_their_places_and_null_is_nan(values: pa.Array) -> None:
    assert np.array_equal(as_column(values), [1.5, np.nan, 3.0], equal_nan=True)


def test_integers_flags_and_nothing_are_numbers() -> None:
    assert as_column(pa.array([1, None, 3], pa.int64())).tolist()[::2] == [1.0, 3.0]
    assert as_column(pa.array([2**63 - 1])).tolist() == [2.0**63]
    assert as_column(pa.array([True, False])).tolist() == [1.0, 0.0]
    assert np.isnan(as_column(pa.nulls(3))).all()
    for empty in (pa.array([], pa.float64()), pa.chunked_array([], pa.float64())):
        assert as_column(empty).shape == (0,)


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["a", None, "b"]),
        pa.array(["z", "a", None, "b"]).slice(1),
        pa.chunked_array([["a"], [None, "b"]]),
        pa.array(["a", None, "b"], pa.large_string()),
        pa.array(["a", None, "b"]).dictionary_encode(),
        pa.chunked_array([pa.array(["a"]).dictionary_encode(), pa.array([None, "b"]).dictionary_encode()]),
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), pa.array(["a", None, "b"])),
        pa.DictionaryArray.from_arrays(pa.array([0, None, 2]), pa.array(["a", "a", "b"])),
    ],
)
def test_text_becomes_levels_and_null_is_no_level(values: pa.Array) -> None:
    column = as_column(values)
    assert isinstance(column, Categories)
    assert [None if code < 0 else column.levels[code] for code in column.codes] == ["a", None, "b"]


def test_pandas_is_not_imported(tmp_path: Path) -> None:
    """A file, because making an array of Python's values imports it, too."""
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"x": [1.0, None], "c": ["a", None], "b": [True, None], "n": [1, 2]}), file)
    program = (
        "import sys; from pathlib import Path;"
        "from evertrain.adapters.monitoring.undeclared_tables import tabular_file;"
        "file = tabular_file(Path(sys.argv[1])); features = file.features(like=file).columns;"
        "[file.column(feature) for feature in features]; list(file.parts(features));"
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(file)], check=False).returncode == 0
