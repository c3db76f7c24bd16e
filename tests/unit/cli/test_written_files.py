"""Files as people and spreadsheets write them, in the commands that read files: what is certain is read, what has two
readings is told with both, and nothing that cannot be judged is called stable."""

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from evertrain.adapters.monitoring import table_sources
from evertrain.adapters.project.files import load_project
from evertrain.cli.main import app
from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.file_format import FileFormat
from evertrain.replay.defaults import Columns
from evertrain.replay.run import Request, prepare

ROWS = 600
UNCLEAR_DATE = "03/02/2024 is 3 February or 2 March; say which by --dates day_first or --dates month_first"
BY_OPTION = "say which by --decimal . or --decimal ,"
UNCLEAR_NUMBER = f"1,001 is 1001 if the comma separates thousands, or 1.001 if it is decimal; {BY_OPTION}"


def orders(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    weight = rng.normal(50, 9, ROWS).round(1)
    return pd.DataFrame(
        {
            "order_no": [f"O{seed}-{i}" for i in range(ROWS)],
            "ordered_at": pd.date_range("2025-01-01", periods=ROWS, freq="97min"),
            "price": rng.lognormal(7, 1, ROWS).round(2),
            "weight": weight,
            "city": rng.choice(["Köln", "Ulm", "Gießen"], ROWS),
            "late": (rng.random(ROWS) < 1 / (1 + np.exp((50 - weight) / 5))).astype(int),
        }
    )


def european(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(
        ordered_at=frame["ordered_at"].dt.strftime("%d.%m.%Y %H:%M"),
        price=[f"{each:,.2f}".translate(str.maketrans(",.", ".,")) for each in frame["price"]],
        weight=[str(each).replace(".", ",") for each in frame["weight"]],
    )


def american(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(
        ordered_at=[f"{each.month}/{each.day}/{each.year} {each:%I:%M %p}" for each in frame["ordered_at"]],
        price=[f"{each:,.2f}" for each in frame["price"]],
    )


def excel(path: Path, frame: pd.DataFrame) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    european(frame).to_csv(path, index=False, sep=";", encoding="cp1252")
    return path


def two_ways(path: Path) -> Path:
    """Dates and numbers of which none tells how they are meant."""
    frame = orders()[["order_no", "weight", "late"]].assign(
        weight=orders()["weight"].round().astype(int),
        ordered_at=[f"0{1 + (i + 2) % 9}/0{1 + (i + 1) % 3}/2024" for i in range(ROWS)],
        price=[f"{1 + i % 9},{i % 1000 + 1:03}" for i in range(ROWS)],
    )
    frame.to_csv(path, index=False)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def compared(before: Path, after: Path, *options: str) -> dict[str, Any]:
    result = run("drift", before, after, "--json", *options)
    assert result.exit_code in (0, 1), result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def drift_refused(before: Path, after: Path, *options: str) -> str:
    result = run("drift", before, after, *options)
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    return result.stderr


# --- drift -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["eu.csv", "us.csv", "eu.parquet", "eu.jsonl", "utf16.csv", "folder"])
def test_the_same_rows_in_another_spelling_have_not_drifted(tmp_path: Path, name: str) -> None:
    frame, path = orders(), tmp_path / name
    usual = tmp_path / "usual.parquet"
    frame.to_parquet(usual, index=False)
    if name == "folder":  # of the first file alone it is not certain what its dates are
        excel(path / "1.csv", frame[:100])
        excel(path / "2.csv", frame[100:])
    elif name == "eu.parquet":
        european(frame).to_parquet(path, index=False)
    elif name == "eu.jsonl":
        european(frame).to_json(path, orient="records", lines=True)
    elif name == "utf16.csv":
        european(frame).to_csv(path, index=False, sep="\t", encoding="utf-16")
    elif name == "us.csv":
        american(frame).to_csv(path, index=False)
    else:
        excel(path, frame)
    for before, after in ((usual, path), (path, usual)):
        found = compared(before, after, "--event-time", "ordered_at")
        assert {each["feature"]: each["psi"] for each in found["features"]} == pytest.approx(
            {"price": 0, "weight": 0, "city": 0, "late": 0}
        )
    notes = compared(usual, path)["notes"]
    order = "month" if name == "us.csv" else "day"
    assert f"{name}: text is read as dates, {order} first: ordered_at" in notes
    assert any(note.startswith(f"{name}: text is read as numbers with separators: price") for note in notes)
    assert (f"{name}: its text is read as cp1252" in notes) is (name in ("eu.csv", "folder"))


def test_what_has_two_readings_is_left_out_with_both_in_text_json_and_page(tmp_path: Path) -> None:
    path, page = two_ways(tmp_path / "two_ways.csv"), tmp_path / "page.html"
    left_out = compared(path, path)["left_out"]
    assert (left_out["ordered_at"], left_out["price"]) == (UNCLEAR_DATE, UNCLEAR_NUMBER)
    shown = run("drift", path, path, "--html", page)
    for told in (shown.stdout, page.read_text(encoding="utf-8")):
        assert UNCLEAR_DATE in told
        assert "look like an identifier" in told


def test_what_is_asked_for_and_has_two_readings_is_refused(tmp_path: Path) -> None:
    path = two_ways(tmp_path / "two_ways.csv")
    assert drift_refused(path, path, "--event-time", "ordered_at") == f"{path}: ordered_at: {UNCLEAR_DATE}\n"
    assert drift_refused(path, path, "--column", "price") == f"price is not compared: {UNCLEAR_NUMBER}\n"
    numbers = tmp_path / "numbers.csv"
    orders().assign(weight=1).drop(columns="city").to_csv(numbers, index=False)
    assert f"price: {UNCLEAR_NUMBER}" in drift_refused(numbers, path, "--column", "price")


@pytest.mark.parametrize("decimal", [",", "."])
def test_options_decide(tmp_path: Path, decimal: str) -> None:
    path = two_ways(tmp_path / "two_ways.csv")
    options = ["--decimal", decimal, "--dates", "day_first", "--event-time", "ordered_at"]
    after = tmp_path / "after.parquet"
    factor = 1 if decimal == "," else 1_000
    rows = pd.read_csv(path, decimal=",").assign(ordered_at=pd.Timestamp("2024-03-01"))
    rows.assign(price=rows["price"] * factor).to_parquet(after)
    found = compared(path, after, *options)
    assert {each["feature"]: each["psi"] for each in found["features"]}["price"] == pytest.approx(0)


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--decimal", "x", '--decimal x: a number\'s fraction begins with "." or ","'),
        ("--dates", "dmy", '--dates dmy: dates are "day_first", "month_first", or a pattern'),
        ("--encoding", "klingon", "--encoding klingon: Python knows no such encoding"),
        ("--separator", ";;", "--separator ;;: one character stands between cells"),
        ("--thousands", "x", "--thousands x: between thousands stands"),
    ],
)
def test_a_format_that_is_none_is_refused(tmp_path: Path, option: str, value: str, told: str) -> None:
    path = two_ways(tmp_path / "two_ways.csv")
    assert drift_refused(path, path, option, value).startswith(told)


def test_the_reference_tells_how_a_day_is_written_that_does_not_tell_itself(tmp_path: Path) -> None:
    month = excel(tmp_path / "month.csv", orders())
    day = excel(tmp_path / "day.csv", orders(1).assign(ordered_at=pd.Timestamp("2025-02-03")))
    assert "03.02.2025 00:00 is 3 February or 2 March" in drift_refused(day, day, "--event-time", "ordered_at")
    assert compared(month, day, "--event-time", "ordered_at")["rows"] == ROWS


def test_a_second_header_is_told_with_its_row(tmp_path: Path) -> None:
    path = excel(tmp_path / "units.csv", orders())
    header, *rows = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([header, b";;EUR;kg;;", *rows]))
    told = compared(path, path)["left_out"]
    assert told["price"] == (
        "most values look like numbers with separators, but row 1 does not; if it is a second line of the header, "
        "or a total, leave it out"
    )


def test_a_title_above_the_header_is_told(tmp_path: Path) -> None:
    path = excel(tmp_path / "titled.csv", orders())
    path.write_bytes(b"Bestellungen 2025\n\n" + path.read_bytes())
    assert "is the first line the header, and the separator the same in all rows?" in drift_refused(path, path)


def test_few_addresses_and_versions_are_levels_and_no_numbers_or_dates(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    rng = np.random.default_rng(0)
    odd = {"address": ["10.0.0.1", "10.0.0.12"], "version": ["1.2.3", "1.10.0"], "range": ["10-12", "0-9"]}
    pd.DataFrame({name: rng.choice(values, ROWS) for name, values in odd.items()}).to_csv(path, index=False)
    found = compared(path, path)
    assert found["left_out"] == {}
    assert [each["feature"] for each in found["features"]] == list(odd)


# --- init, backtest, tune -------------------------------------------------------------------------------

NAMED = ["--label", "late", "--key", "order_no", "--event-time", "ordered_at", "--latency", "1d", "--yes"]


def refused(*arguments: str | Path) -> str:
    error = run(*arguments).exception
    assert isinstance(error, EvertrainError)
    assert error.exit_status == 2
    return str(error)


def test_init_writes_the_format_that_it_found_and_the_model_is_replayed_from_such_files(tmp_path: Path) -> None:
    rows, usual = tmp_path / "days", tmp_path / "usual.parquet"
    for number in range(3):
        excel(rows / f"{number}.csv", orders()[number * 200 : (number + 1) * 200])
    orders().to_parquet(usual, index=False)
    made = run("init", "orders", "--rows", rows, "--project", tmp_path, *NAMED)
    assert made.exit_code == 0, made.output
    written = (tmp_path / "features" / "orders.toml").read_text(encoding="utf-8")
    assert tomllib.loads(written)["format"] == {
        "separator": ";",
        "decimal": ",",
        "encoding": "cp1252",
        "dates": "day_first",
    }
    group = load_project(tmp_path).groups["orders"]
    assert {each.name: each.kind.value for each in group.columns} == {
        "price": "numeric",
        "weight": "numeric",
        "city": "categorical",
    }
    histories = [replayed(tmp_path, each) for each in (rows, rows / "*.csv", usual)]
    assert histories[0].table.equals(histories[2].table)
    assert histories[1].table.equals(histories[2].table)


def replayed(project: Path, rows: Path) -> Any:
    request = Request(
        rows=str(rows), model="orders", project=project, estimator=None, columns=Columns(label=""), metric=None,
        latency=None, batch=None, offset=pd.Timedelta(0).to_pytimedelta(), start=None, seed=0,
    )  # fmt: skip
    return prepare(request).history


def test_init_refuses_what_has_two_readings_and_writes_what_was_declared(tmp_path: Path) -> None:
    rows = two_ways(tmp_path / "two_ways.csv")
    command = ["init", "orders", "--rows", rows, "--project", tmp_path, *NAMED]
    assert refused(*command) in (
        f"two_ways.csv: ordered_at: {UNCLEAR_DATE}",
        f"two_ways.csv: price: {UNCLEAR_NUMBER}",
    )
    made = run(*command, "--dates", "day_first", "--decimal", ",")
    assert made.exit_code == 0, made.output
    assert load_project(tmp_path).groups["orders"].format == FileFormat(decimal=",", dates="day_first")


def test_american_numbers_are_declared_by_their_point(tmp_path: Path) -> None:
    rows = tmp_path / "us.csv"
    american(orders()).to_csv(rows, index=False)
    assert run("init", "orders", "--rows", rows, "--project", tmp_path, *NAMED).exit_code == 0
    assert load_project(tmp_path).groups["orders"].format == FileFormat(decimal=".", dates="month_first")


@pytest.mark.parametrize("write", [excel, lambda path, frame: frame.to_parquet(path, index=False)])
def test_every_format_that_init_offers_can_be_uncommented_beside_what_it_declares(
    tmp_path: Path, write: Callable[[Path, pd.DataFrame], object]
) -> None:
    rows = tmp_path / f"rows.{'csv' if write is excel else 'parquet'}"
    write(rows, orders())
    assert run("init", "orders", "--rows", rows, "--project", tmp_path, *NAMED).exit_code == 0
    path = tmp_path / "features" / "orders.toml"
    text = re.sub(r"^# (?=\[format\]|\w+ = )", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert tomllib.loads(text)["format"].keys() == {each.name for each in fields(FileFormat)}
    path.write_text(text, encoding="utf-8")
    assert load_project(tmp_path).groups["orders"].format.thousands == "."


@pytest.mark.parametrize("command", ["init", "backtest", "tune"])
def test_files_that_are_not_there_or_not_alike_are_told_in_one_sentence(tmp_path: Path, command: str) -> None:
    def told(rows: Path | str) -> str:
        options = {
            "init": ["orders", "--rows", rows, "--project", tmp_path, *NAMED],
            "backtest": ["--rows", rows, "--estimator", "linear", "--label", "late"],
            "tune": ["orders", "--rows", rows, "--project", tmp_path],
        }[command]
        return refused(command, *options)

    if command == "tune":
        rows = excel(tmp_path / "rows.csv", orders())
        assert run("init", "orders", "--rows", rows, "--project", tmp_path, *NAMED).exit_code == 0
    (tmp_path / "empty").mkdir()
    assert told(tmp_path / "empty") == f"{tmp_path / 'empty'} has no files"
    assert told(tmp_path / "nowhere.csv") == f"{tmp_path / 'nowhere.csv'} cannot be read: No such file or directory"
    header = tmp_path / "header.csv"
    orders().head(0).to_csv(header, index=False)
    assert told(header) == "header.csv has no rows"
    mixed = tmp_path / "mixed"
    excel(mixed / "1.csv", orders())
    orders().to_parquet(mixed / "2.parquet", index=False)
    assert told(mixed) == "mixed has text files and others; take files of one format, such as mixed/*.csv"
    excel(mixed / "2.csv", orders().drop(columns="city"))
    assert told(mixed / "*.csv") == "*.csv: not all files have the column city"


def test_a_name_with_spaces_or_in_another_case_is_named(tmp_path: Path) -> None:
    rows = excel(tmp_path / "rows.csv", orders())
    assert run("init", "orders", "--rows", rows, "--project", tmp_path, *NAMED).exit_code == 0
    renamed = european(orders()).rename(columns={"price": " Price ", "city": "CITY"})
    renamed.to_csv(rows, index=False, sep=";", encoding="cp1252")
    told = refused("backtest", "orders", "--rows", rows, "--project", tmp_path)
    assert told == "rows.csv has no column price, city; it has ' Price ', 'CITY'"


def test_columns_without_a_name_and_names_over_two_lines(tmp_path: Path) -> None:
    trailing = tmp_path / "trailing.csv"
    trailing.write_text("x;;\n" + "1,5;;\n" * ROWS, encoding="utf-8")
    assert f'{trailing} has several columns named "": ' in drift_refused(trailing, trailing)
    assert 'has several columns named ""' in refused(
        "backtest", "--rows", trailing, "--estimator", "linear", "--label", "x"
    )
    two_lines = tmp_path / "two_lines.csv"
    orders().rename(columns={"price": "price\nEUR"}).to_csv(two_lines, index=False)
    assert compared(two_lines, two_lines)["features"][0]["feature"] == "price\nEUR"


def test_a_total_after_the_first_block_is_told_without_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_sources, "BLOCK", 1 << 12)
    path = tmp_path / "long.csv"
    path.write_text("x,y\n" + "1.5,2.5\n" * 5_000 + "1.5,secret\n", encoding="utf-8")
    told = drift_refused(path, path)
    assert "than the first rows, which hold double" in told
    assert "has something else in column 2" in told
    assert "secret" not in told
