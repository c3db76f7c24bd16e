"""`evertrain drift`: two files, a verdict, an exit status; and what users of other tools suffered from."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from evertrain.adapters.monitoring import table_sources
from evertrain.cli.main import app


def frame(rows: int = 3_000, *, seed: int = 0, wind: float = 0.0, **more: Any) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    columns = {
        "wind": rng.normal(10 + wind, 3, rows),
        "carrier": rng.choice(["UA", "DL", "B6"], rows),
        "holiday": rng.random(rows) < 0.1,
        "seats": rng.integers(50, 300, rows),
    }
    return pd.DataFrame(columns | more)


def drift(folder: Path, before: pd.DataFrame, after: pd.DataFrame, *options: str, csv: bool = False) -> Result:
    paths = []
    for name, rows in (("before", before), ("after", after)):
        paths.append(folder / f"{name}.{'csv' if csv else 'parquet'}")
        rows.to_csv(paths[-1], index=False) if csv else rows.to_parquet(paths[-1], index=False)
    return CliRunner().invoke(app, ["drift", *map(str, paths), *options])


def found(result: Result) -> dict[str, dict[str, Any]]:
    return {feature["feature"]: feature for feature in json.loads(result.stdout)["features"]}


# --- verdicts and exit statuses -------------------------------------------------------------------


@pytest.mark.parametrize("csv", [False, True])
def test_no_drift_is_exit_status_0(tmp_path: Path, *, csv: bool) -> None:
    result = drift(tmp_path, frame(), frame(seed=1), csv=csv)
    assert result.exit_code == 0, result.output
    assert "0 of 4 features drifted: stable" in result.stdout


@pytest.mark.parametrize("csv", [False, True])
def test_drift_is_exit_status_1_and_says_which_feature_by_how_much(tmp_path: Path, *, csv: bool) -> None:
    result = drift(tmp_path, frame(), frame(seed=1, wind=3), csv=csv)
    assert result.exit_code == 1
    assert "1 of 4 features drifted: drifted" in result.stdout
    assert "wind: PSI " in result.stdout
    assert "against 0.20 allowed for 3,000 rows" in result.stdout


def test_json_has_every_measure(tmp_path: Path) -> None:
    result = drift(tmp_path, frame(), frame(seed=1, wind=3), "--json")
    wind = found(result)["wind"]
    assert wind["drifted"]
    assert wind["wasserstein"] == pytest.approx(3, abs=0.3)
    assert wind["wasserstein_normalised"] == pytest.approx(1, abs=0.1)
    assert {"psi", "kl", "js", "ks", "p_value", "threshold", "missing_share", "sentence"} <= set(wind)
    assert json.loads(result.stdout)["status"] == "drifted"


def test_parquet_is_read_a_part_at_a_time_with_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = drift(tmp_path, frame(), frame(seed=1, wind=1), "--json")
    monkeypatch.setattr(table_sources, "ROWS_PER_CHUNK", 700)
    assert drift(tmp_path, frame(), frame(seed=1, wind=1), "--json").stdout == whole.stdout


def test_the_page_shows_both_distributions_and_stands_alone(tmp_path: Path) -> None:
    page = tmp_path / "drift.html"
    names = {"<wind>": np.random.default_rng(2).normal(size=3_000)}
    drift(tmp_path, frame(**names), frame(seed=1, wind=3, **names), "--html", str(page))
    text = page.read_text()
    assert "Drifted: 1 of 5 features" in text
    assert text.count("<svg") == 5
    assert "&lt;wind&gt;" in text
    assert "<wind>" not in text
    assert "http" not in text
    assert "<script" not in text


def test_only_the_columns_asked_for_are_compared(tmp_path: Path) -> None:
    result = drift(tmp_path, frame(), frame(seed=1, wind=3), "--column", "carrier", "--column", "seats", "--json")
    assert set(found(result)) == {"carrier", "seats"}
    assert result.exit_code == 0


def test_names_are_printed_as_they_are(tmp_path: Path) -> None:
    names = {"speed [m/s]": range(3_000), "[red]": range(3_000)}
    told = drift(tmp_path, frame(**names), frame(seed=1, **names)).stdout
    assert "speed [m/s]" in told
    assert "[red]" in told


def test_times_are_left_out_and_said_to_be(tmp_path: Path) -> None:
    times = pd.date_range("2026-01-01", periods=3_000, freq="min")
    result = drift(tmp_path, frame(left_at=times), frame(seed=1, left_at=times))
    assert "Not compared: left_at, times are compared by their age" in result.stdout


@pytest.mark.parametrize("csv", [False, True])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_times_are_compared_by_their_age_at_the_event_time(tmp_path: Path, zone: str | None, *, csv: bool) -> None:
    def orders(start: str, *, seed: int, longest: int = 40) -> pd.DataFrame:
        at = pd.date_range(start, periods=3_000, freq="min", tz=zone).as_unit("us")
        ages = np.random.default_rng(seed).integers(0, longest * 86_400, 3_000)
        born = (at - pd.to_timedelta(ages * 7, unit="s")).floor("D").tz_localize(None)
        return frame(seed=seed, ordered_at=at, joined=at - pd.to_timedelta(ages, unit="s"), born=born)

    before, option = orders("2026-01-01", seed=0), ("--event-time", "ordered_at")
    later = drift(tmp_path, before, orders("2026-03-01", seed=1), *option, csv=csv)
    assert later.exit_code == 0, later.output
    assert "0 of 6 features drifted" in later.stdout
    newer = found(drift(tmp_path, before, orders("2026-03-01", seed=1, longest=20), *option, "--json", csv=csv))
    assert newer["joined"]["drifted"]
    assert newer["joined"]["wasserstein"] == pytest.approx(10, abs=0.5)
    assert newer["born"]["drifted"]
    assert "ordered_at" not in newer


def test_an_event_time_that_is_none_is_an_error(tmp_path: Path) -> None:
    times = pd.date_range("2026-01-01", periods=3_000, freq="min")
    result = drift(tmp_path, frame(left_at=times), frame(left_at=times), "--event-time", "wind")
    assert result.exit_code == 2
    assert "before.parquet: wind must hold dates or times, not double" in result.stderr
    result = drift(tmp_path, frame(left_at=times), frame(), "--event-time", "left_at")
    assert result.exit_code == 2
    assert "after.parquet has no column left_at" in result.stderr


# --- what users of other tools suffered from ------------------------------------------------------


def test_a_column_that_turns_null_is_drift_evidently_187(tmp_path: Path) -> None:
    after = frame(seed=1)
    after.loc[::2, ["wind", "carrier"]] = None
    drifted = found(drift(tmp_path, frame(), after, "--json"))
    assert drifted["wind"]["drifted"]
    assert drifted["carrier"]["drifted"]
    assert drifted["wind"]["missing_share"] == 0.5


@pytest.mark.parametrize("empty", ["before", "after", "both"])
@pytest.mark.parametrize("column", ["wind", "carrier"])
@pytest.mark.parametrize("csv", [False, True])
def test_one_empty_column_crashes_nothing_evidently_1480(
    tmp_path: Path, empty: str, column: str, *, csv: bool
) -> None:
    before, after = frame(), frame(seed=1)
    for name, rows in (("before", before), ("after", after)):
        if empty in (name, "both"):
            rows[column] = None
    result = drift(tmp_path, before, after, "--json", csv=csv)
    assert result.exit_code == (0 if empty == "both" else 1), result.output
    assert found(result)[column]["drifted"] is (empty != "both")
    assert not found(result)["seats"]["drifted"]


def test_a_batch_without_any_value_is_judged_and_the_next_one_too_nannyml_327(tmp_path: Path) -> None:
    nothing = frame(seed=1).assign(**dict.fromkeys(["wind", "carrier", "holiday", "seats"]))
    assert drift(tmp_path, frame(), nothing).exit_code == 1
    assert drift(tmp_path, frame(), frame(seed=2)).exit_code == 0


def test_eight_rows_are_too_few_to_declare_drift_evidently_509(tmp_path: Path) -> None:
    page = tmp_path / "drift.html"
    result = drift(tmp_path, frame(), frame(8, seed=1, wind=9), "--html", str(page))
    assert result.exit_code == 0
    assert "8 rows are too few to say anything about drift" in result.stdout
    html = page.read_text()
    for told in (result.stdout, html.partition('<table class="measures">')[2].partition("</table>")[0]):
        assert "–" in told
        assert "stable" not in told
    assert '<section id="wind">' in html


@pytest.mark.parametrize("rows", [500, 500_000])
def test_the_same_small_change_is_judged_alike_in_few_rows_and_many_evidently_50(tmp_path: Path, rows: int) -> None:
    result = drift(tmp_path, frame(20_000), frame(rows, seed=1, wind=0.1), "--json")
    assert result.exit_code == 0
    assert (found(result)["wind"]["p_value"] < 1e-3) is (rows == 500_000)


# --- bad input ------------------------------------------------------------------------------------


def refused(result: Result) -> str:
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    told = refused(drift(tmp_path, frame(), frame().drop(columns="wind")))
    assert "has no column wind, which the reference has; it has carrier, holiday, seats" in told


def test_a_type_that_changed_is_named(tmp_path: Path) -> None:
    after = frame().assign(wind="strong")
    assert "wind is categorical, in the reference it is numeric" in refused(drift(tmp_path, frame(), after))


def test_an_unknown_column_is_named(tmp_path: Path) -> None:
    told = refused(drift(tmp_path, frame(), frame(), "--column", "rain"))
    assert "there is no column rain to compare; there are wind, carrier, holiday, seats" in told


def test_a_reference_without_rows_is_refused(tmp_path: Path) -> None:
    assert "the reference has no rows" in refused(drift(tmp_path, frame(0), frame()))


def test_files_that_end_in_the_middle_are_refused(tmp_path: Path) -> None:
    good, cut = tmp_path / "good.parquet", tmp_path / "cut.parquet"
    frame().to_parquet(good)
    cut.write_bytes(good.read_bytes()[:5000])
    assert "cut.parquet cannot be read" in refused(CliRunner().invoke(app, ["drift", str(good), str(cut)]))
    packed = tmp_path / "cut.csv.gz"
    packed.write_bytes(gzip.compress(frame().to_csv(index=False).encode())[:5000])
    assert "cut.csv.gz cannot be read" in refused(CliRunner().invoke(app, ["drift", str(good), str(packed)]))


def test_what_is_neither_parquet_nor_csv_is_refused(tmp_path: Path) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text("remember the milk")
    told = refused(CliRunner().invoke(app, ["drift", str(notes), str(notes)]))
    assert "notes.md is no Parquet or Arrow file, and its name does not end in .csv, .tsv, .txt, .jsonl" in told


def test_a_file_of_times_alone_has_nothing_to_compare(tmp_path: Path) -> None:
    times = pd.DataFrame({"left_at": pd.date_range("2026-01-01", periods=300, freq="min")})
    assert "no column that can be compared" in refused(drift(tmp_path, times, times))


def test_text_in_an_encoding_that_is_not_certain_is_refused_with_the_remedy(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.csv"
    foreign.write_bytes(b"carrier\n" + "Победа\n".encode("cp1251") * 300)
    command = ["drift", str(foreign), str(foreign)]
    told = refused(CliRunner().invoke(app, command))
    assert told.endswith("its text is neither UTF-8 nor Windows-1252; say which by --encoding\n")
    assert CliRunner().invoke(app, [*command, "--encoding", "cp1251"]).exit_code == 0


@pytest.mark.parametrize("arguments", [[], ["--model", "flights", __file__], [__file__]])
def test_files_and_a_model_exclude_each_other_and_one_is_needed(arguments: list[str]) -> None:
    assert "name two files, or a model" in refused(CliRunner().invoke(app, ["drift", *arguments]))


def test_an_unknown_model_is_named_with_the_known_ones() -> None:
    told = refused(CliRunner().invoke(app, ["drift", "--model", "trains"]))
    assert told == "there is no models/trains/; known models: air_time, flights\n"


def test_a_window_that_is_no_duration_is_refused() -> None:
    told = refused(CliRunner().invoke(app, ["drift", "--model", "flights", "--since", "soon"]))
    assert told == '--since soon: a duration is text such as "28d", "36h" or "90m"\n'
