from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from evertrain.conversion.frame import to_frame
from evertrain.replay.frames import HistoryFrames
from tests.builders.history import a_history, history_frame

EARLY, MIXED = np.arange(40, 90), np.arange(3, 3_000, 7)


@pytest.mark.parametrize("rows", [EARLY, MIXED])
@pytest.mark.parametrize("categories", [None, {"carrier": ["DL", "none of these rows has it"]}])
def test_rows_of_a_history_are_framed_as_a_table_of_them_is(
    tmp_path: Path, rows: np.ndarray, categories: dict[str, list[str]] | None
) -> None:
    written = history_frame()
    written.loc[:100, "carrier"] = "an early one"
    written.loc[written.index % 5 == 0, ["carrier", "wind"]] = None
    history = a_history(tmp_path, written)

    framed = HistoryFrames(history).of(rows, categories=categories)

    table = history.table.take(pa.array(rows))
    pd.testing.assert_frame_equal(framed, to_frame(table, history.spec.features, categories=categories))
