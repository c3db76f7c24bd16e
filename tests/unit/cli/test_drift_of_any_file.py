"""`evertrain drift` on files as they are: kinds that files disagree on, dialects, ids, indices. Each of these was
reported by users of monitoring tools, and was misread or refused here once."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from evertrain.cli.main import app

ROWS = 400


def run(before: Path, after: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["drift", str(before), str(after), *options])


def compared(before: Path, after: Path, *options: str) -> dict[str, Any]:
    result = run(before, after, "--json", *options)
    assert result.exit_code in (0, 1), result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refused(before: Path, after: Path, *options: str) -> str:
    result = run(before, after, *options)
    assert result.exit_code == 2, result.output
    return " ".join(result.stderr.split())


def feature(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [each for each in found["features"] if each["feature"] == name]
    return one


def normal(seed: int, rows: int = ROWS) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=rows).round(3)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def csv_of(path: Path, **columns: Any) -> Path:
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


# --- kinds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits_first", [False, True])
def test_codes_that_happen_to_be_digits_in_one_file_are_levels_in_both(tmp_path: Path, *, digits_first: bool) -> None:
    rng = np.random.default_rng(0)
    digits = csv_of(tmp_path / "digits.csv", plan=rng.choice(["45", "123"], ROWS), x=normal(1))
    mixed = csv_of(tmp_path / "mixed.csv", plan=rng.choice(["45", "123", "a"], ROWS), x=normal(2))
    found = compared(digits, mixed) if digits_first else compared(mixed, digits)
    assert feature(found, "plan")["wasserstein"] is None
    assert feature(found, "plan")["missing_share"] == 0
    assert found["notes"] == [
        f"plan: {'numeric' if digits_first else 'categorical'} before and "
        f"{'categorical' if digits_first else 'numeric'} now as written, compared as categorical"
    ]


def test_codes_with_leading_zeros_are_levels_as_they_are_written(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).choice(["007", "7", "042"], ROWS)
    path = csv_of(tmp_path / "codes.csv", zip=codes, x=normal(1))
    found = compared(path, path)
    assert feature(found, "zip")["wasserstein"] is None
    assert "007" in run(path, csv_of(tmp_path / "other.csv", zip=["9"] * ROWS, x=normal(2))).stdout


@pytest.mark.parametrize("spelled", [("true", "false"), ("True", "False"), ("t", "f"), ("yes", "no")])
def test_a_flag_that_is_spelled_otherwise_is_the_same_flag(tmp_path: Path, spelled: tuple[str, str]) -> None:
    flags = np.random.default_rng(0).random(ROWS) < 0.4
    numbers = csv_of(tmp_path / "numbers.csv", flag=flags.astype(int), x=normal(1))
    words = csv_of(tmp_path / "words.csv", flag=np.where(flags, *spelled), x=normal(2))
    if spelled[0] in ("yes", "t"):
        found = compared(numbers, words, "--kind", "flag=boolean")
    else:
        found = compared(numbers, words)
        assert found["notes"] == ["flag: numeric before and boolean now as written, compared as boolean"]
    assert feature(found, "flag")["psi"] == pytest.approx(0, abs=1e-9)


def test_times_that_are_text_in_one_file_are_times_in_both(tmp_path: Path) -> None:
    first = datetime(2025, 1, 1, tzinfo=UTC)
    times = [first + timedelta(hours=hour) for hour in range(ROWS)]
    bought = [(at - timedelta(days=3)).isoformat() for at in times]
    as_text = tmp_path / "text.parquet"
    pq.write_table(pa.table({"at": [at.isoformat() for at in times], "bought": bought, "x": normal(1)}), as_text)
    as_times = csv_of(tmp_path / "times.csv", at=times, bought=bought, x=normal(2))
    for before, after in ((as_text, as_times), (as_times, as_text)):
        found = compared(before, after)
        assert found["left_out"]["at"] == "times are compared by their age, at what --event-time names"
        aged = compared(before, after, "--event-time", "at")
        assert feature(aged, "bought")["psi"] == pytest.approx(0, abs=1e-9)


def test_kinds_may_be_declared(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "shops.csv", shop=np.random.default_rng(0).integers(1, 9, ROWS), x=normal(1))
    assert feature(compared(path, path), "shop")["wasserstein"] is not None
    assert feature(compared(path, path, "--kind", "shop=categorical"), "shop")["wasserstein"] is None
    assert "--kind shop=text: name a column and numeric" in refused(path, path, "--kind", "shop=text")


def test_what_cannot_be_read_as_the_reference_has_it_is_named_with_the_remedy(tmp_path: Path) -> None:
    before = csv_of(tmp_path / "before.csv", x=normal(1))
    after = csv_of(tmp_path / "after.csv", x=["high"] * ROWS)
    told = refused(before, after)
    assert "after.csv: x is categorical, in the reference it is numeric; --kind x=categorical" in told
    assert "high" not in told, "no value of a row is quoted"


# --- columns that are no features -------------------------------------------------------------------


def test_two_columns_of_one_name_are_refused_in_one_sentence(tmp_path: Path) -> None:
    path = written(tmp_path / "twice.csv", "x,x\n" + "1.5,2.5\n" * ROWS)
    assert "twice.csv has several columns named x" in refused(path, path)


def test_the_index_that_pandas_wrote_is_no_feature(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": normal(1)})
    kept = frame[frame["x"] > -1]
    before, after = tmp_path / "before.parquet", tmp_path / "after.parquet"
    kept.to_parquet(before)
    frame.to_parquet(after, index=False)
    found = compared(before, after)
    assert found["left_out"] == {"__index_level_0__": "the index of what wrote the file"}
    assert [each["feature"] for each in found["features"]] == ["x"]


def test_an_unnamed_running_number_is_left_out_and_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "indexed.csv"
    pd.DataFrame({"x": normal(1)}).to_csv(path)
    found = compared(path, path)
    assert found["left_out"] == {"": "the index of what wrote the file"}
    assert 'Not compared: "", the index' in run(path, path).stdout
    again = tmp_path / "again.csv"
    pd.read_csv(path).to_csv(again, index=False)
    assert compared(again, again)["left_out"] == {"Unnamed: 0": "the index of what wrote the file"}


@pytest.mark.parametrize("rows", [ROWS, 5_000])
def test_identifiers_are_not_called_stable_or_drifted(tmp_path: Path, rows: int) -> None:
    before = csv_of(tmp_path / "before.csv", ticket=[f"T{i}" for i in range(rows)], x=normal(1, rows))
    after = csv_of(tmp_path / "after.csv", ticket=[f"T{rows + i}" for i in range(rows)], x=normal(2, rows))
    found = compared(before, after)
    assert found["left_out"] == {"ticket": f"{rows:,} different values in {rows:,} rows look like an identifier"}
    assert "ticket is not compared: " in refused(before, after, "--column", "ticket")


def test_dates_and_numbers_in_spellings_that_nobody_can_read_are_not_judged_as_levels(tmp_path: Path) -> None:
    days = pd.date_range("2025-01-01", periods=ROWS, freq="1D").strftime("%d %b %Y")
    path = csv_of(tmp_path / "spelled.csv", signed_up=days, price=[f"{i}.5 €" for i in range(ROWS)], x=normal(1))
    left_out = compared(path, path)["left_out"]
    remedy = "say by --dates how they are written, such as --dates %d-%b-%Y"
    assert left_out["signed_up"] == f"400 different values in 400 rows look like dates; {remedy}"
    assert left_out["price"] == (
        "400 different values in 400 rows look like numbers with a unit; write them without it"
    )
    assert "are compared by their age" in compared(path, path, "--dates", "%d %b %Y")["left_out"]["signed_up"]


def test_a_column_of_almost_that_name_is_named(tmp_path: Path) -> None:
    before = csv_of(tmp_path / "before.csv", Wind=normal(1))
    after = csv_of(tmp_path / "after.csv", **{" wind": normal(2)})
    assert "has no column Wind, which the reference has; it has ' wind'" in refused(before, after)


# --- formats -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("delimiter", "point"), [(";", ","), (";", "."), ("\t", "."), ("|", ".")])
def test_dialects_are_found_where_they_are_certain(tmp_path: Path, delimiter: str, point: str) -> None:
    frame = pd.DataFrame({"preis": normal(1), "ort": np.random.default_rng(0).choice(["Bonn", "Ulm"], ROWS)})
    usual, dialect = tmp_path / "usual.csv", tmp_path / "dialect.csv"
    frame.to_csv(usual, index=False)
    frame.to_csv(dialect, index=False, sep=delimiter, decimal=point)
    found = compared(usual, dialect)
    assert {each["feature"]: each["psi"] for each in found["features"]} == {"preis": 0, "ort": 0}


def test_an_uneven_row_is_told_without_its_content(tmp_path: Path) -> None:
    path = written(tmp_path / "uneven.csv", "a,b\n" + "1,2\n" * 300 + "secret,1,2\n")
    told = refused(path, path)
    assert "has 3 cells where the header has 2" in told
    assert "secret" not in told


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.ndjson", "rows.json.gz"])
def test_json_lines_are_read(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame({"x": normal(1), "carrier": np.random.default_rng(0).choice(["UA", "DL"], ROWS)})
    data = frame.to_json(orient="records", lines=True).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    found = compared(csv_of(tmp_path / "rows.csv", **dict(frame.items())), path)
    assert {each["feature"]: each["psi"] for each in found["features"]} == {"x": 0, "carrier": 0}


def test_arrow_files_are_read(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": normal(1), "carrier": np.random.default_rng(0).choice(["UA", "DL"], ROWS)})
    path = tmp_path / "rows.arrow"
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    assert all(each["psi"] == 0 for each in compared(path, path)["features"])


def test_empty_text_is_named_and_is_not_missing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    before, after = tmp_path / "before.parquet", tmp_path / "after.parquet"
    levels = rng.choice(["", "a", "b"], ROWS)
    pq.write_table(pa.table({"c": levels.tolist()}), before)
    pq.write_table(pa.table({"c": [level or None for level in levels.tolist()]}), after)
    found = feature(compared(before, after), "c")
    assert found["missing_share"] > 0.2
    assert '"": 3' in found["sentence"]
    assert ", : " not in found["sentence"]


def test_nullable_integers_and_flags_with_gaps_are_what_they_are(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "seats": pd.array([None if i % 7 == 0 else i % 50 for i in range(ROWS)], dtype="Int64"),
            "holiday": pd.array([None if i % 5 == 0 else i % 2 == 0 for i in range(ROWS)], dtype="boolean"),
        }
    )
    path = tmp_path / "nullable.parquet"
    frame.to_parquet(path)
    found = compared(path, path)
    assert {each["feature"]: round(each["missing_share"], 2) for each in found["features"]} == {
        "seats": 0.14,
        "holiday": 0.2,
    }


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_a_folder_or_a_pattern_of_files_is_one_table(tmp_path: Path, suffix: str) -> None:
    """Digits only in one file, and text in another: what a column holds follows from the first."""
    whole = pd.DataFrame({"zip": ["A1", *map(str, range(1, 9))] * 200, "x": normal(1, 1_800)})
    folder = tmp_path / "days" / "2025"
    folder.mkdir(parents=True)
    for number, part in enumerate((whole.iloc[:900], whole.iloc[900:].query("zip != 'A1'"))):
        file = folder / f"day-{number}.{suffix}"
        if suffix == "csv":
            part.to_csv(file, index=False)
        elif suffix == "jsonl":
            part.to_json(file, orient="records", lines=True)
        else:
            part.to_parquet(file, index=False)
    (folder / "_SUCCESS").touch()
    together = tmp_path / "together.parquet"
    pd.concat([whole.iloc[:900], whole.iloc[900:].query("zip != 'A1'")]).to_parquet(together, index=False)
    expected = compared(together, together)
    for before in (tmp_path / "days", folder / f"day-*.{suffix}"):
        found = compared(before, together)
        assert (found["reference_rows"], found["features"]) == (expected["reference_rows"], expected["features"])


def test_of_many_files_one_that_is_otherwise_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "days"
    folder.mkdir()
    assert "days has no files" in refused(folder, folder)
    csv_of(folder / "1.csv", x=normal(1), y=normal(2))
    csv_of(folder / "2.csv", x=normal(3))
    told = refused(folder, folder)
    assert "2.csv has no column y, which" in told
    assert "nowhere.csv cannot be read: " in refused(tmp_path / "nowhere.csv", folder)
