"""`evertrain.drift` and its like, as a notebook uses them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import evertrain
from evertrain.cli.main import app


def frame(*, shift: float = 0.0, rows: int = 2_000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "income": rng.normal(size=rows) + shift,
            "debt": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)),
            "region": rng.choice(["north", "south"], rows),
            "member": rng.random(rows) < 0.5,
            "applied": pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(rows), unit="h"),
        }
    )


BEFORE, ALIKE, OTHER = frame(), frame(seed=1), frame(shift=1.0, seed=2)


class Views:
    """As Polars hands out its tables: text as views of it."""

    def __init__(self, table: pa.Table) -> None:
        texts = [field.name for field in table.schema if pa.types.is_large_string(field.type)]
        for name in texts:
            table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.string_view()))
        levels = pa.array(["a", "b"], pa.string_view())
        codes = pa.array(np.arange(table.num_rows) % 2, pa.uint32())
        self.table = table.append_column("category", pa.DictionaryArray.from_arrays(codes, levels))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


def test_whatever_holds_the_table_the_answer_is_the_same(tmp_path: Path) -> None:
    arrow = [pa.Table.from_pandas(each, preserve_index=False) for each in (BEFORE, OTHER)]
    files = [tmp_path / "before.parquet", tmp_path / "after.csv"]
    BEFORE.to_parquet(files[0])
    OTHER.to_csv(files[1], index=False)
    found = evertrain.drift(BEFORE, OTHER)
    assert (found.status, found.drifted, found.drifted_features) == ("drifted", True, ("income",))
    assert found.left_out == {"applied": "times are compared by their age, at what --event-time names"}
    names = list(BEFORE.columns[:-1])
    for before, after in (arrow, [Views(each) for each in arrow], files, [str(each) for each in files]):
        same = evertrain.drift(before, after, columns=names)
        assert same.to_frame().equals(found.to_frame())
    assert not evertrain.drift(Views(arrow[0]), Views(arrow[1]), columns=["category"]).drifted


def test_a_column_that_is_there_twice_under_two_names_is_no_trouble() -> None:
    twice = pd.DataFrame({"one": ["a", "b"] * 500, "other": ["u", "v"] * 500})
    assert not evertrain.drift(twice, twice).drifted
    assert evertrain.drift(twice, twice.assign(other=["u", "v", "v", "u"] * 250)).drifted


def test_results_are_values_a_frame_and_a_page() -> None:
    found = evertrain.drift(BEFORE, OTHER, columns=["income", "region"])
    assert list(found.to_frame().index) == ["income", "region"]
    assert found.to_frame().loc["income", "psi"] == found.features[0].psi > 0.2
    assert found.to_dict()["status"] == "drifted"
    assert found.to_html().startswith("<!doctype html>")
    assert "<h1>Drift from before to after</h1>" in found.to_html()
    assert repr(found) == f"<Drift: {found}>"
    assert found.left_out == {}, "nobody asked for other columns"
    assert found._repr_html_().startswith('<iframe srcdoc="<!doctype html>')
    assert str(found).startswith("drifted: income")


def test_what_the_command_prints_is_what_the_function_answers(tmp_path: Path) -> None:
    files = [tmp_path / "before.parquet", tmp_path / "after.parquet"]
    BEFORE.to_parquet(files[0])
    OTHER.to_parquet(files[1])
    printed = CliRunner().invoke(app, ["drift", *map(str, files), "--event-time", "applied", "--json"])
    assert printed.exit_code == 1
    import json

    assert json.loads(printed.output) == evertrain.drift(*files, event_time="applied").to_dict()


def test_a_test_of_one_s_own_fails_with_what_drifted() -> None:
    evertrain.assert_no_drift(BEFORE, ALIKE)
    with pytest.raises(evertrain.DriftFound, match="income"):
        evertrain.assert_no_drift(BEFORE, OTHER, columns=["income"])


def test_a_stored_reference_judges_sketches_that_add_as_the_whole_table_would() -> None:
    reference = evertrain.Reference.from_bytes(evertrain.Reference.fit(BEFORE).to_bytes())
    halves = [reference.sketch(part) for part in (OTHER.iloc[:700], OTHER.iloc[700:])]
    found = reference.judge(halves[0] + halves[1])
    whole = evertrain.drift(BEFORE, OTHER)
    assert found.drifted_features == whole.drifted_features
    assert [each.psi for each in found.features] == pytest.approx([each.psi for each in whole.features])
    kept = evertrain.Sketch.from_bytes(halves[0].to_bytes())
    assert reference.judge(kept).to_frame().equals(reference.judge(halves[0]).to_frame())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([1, 2], "after: list is neither a path nor a table that hands out Arrow data"),
        ("nowhere.csv", "nowhere.csv cannot be read: "),
        (BEFORE.drop(columns="income"), "after has no column income, which the reference has"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(given: object, told: str) -> None:
    with pytest.raises(evertrain.EvertrainError, match=told):
        evertrain.drift(BEFORE, given)
