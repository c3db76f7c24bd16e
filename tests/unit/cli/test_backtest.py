"""`evertrain backtest`: from a file to an answer in one command; what can't be used ends it with a sentence."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evertrain.cli import program
from tests.builders.history import history_frame
from tests.builders.projects import a_project_folder


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "trips.csv"
    history_frame(batches=45).to_csv(path, index=False)
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["evertrain", "backtest", *arguments])
    with pytest.raises(SystemExit) as ended:
        program.run()
    return int(ended.value.code or 0)


ESTIMATOR = ("--estimator", "linear", "--label", "late", "--key", "trip_id", "--latency", "2d")
POLICIES = ("--policy", "declared", "--policy", "never")


def test_a_file_is_enough_for_an_answer(
    rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("--rows", str(rows), *ESTIMATOR, *POLICIES, "--json", "out/found.json")
    assert run(monkeypatch, *asked) == 0
    printed = capsys.readouterr().out
    assert "The loop would not have retrained: roc_auc_score of its first model and of never's" in printed
    assert "known at once" not in printed, "a latency was named"
    found: dict[str, Any] = json.loads(Path("out/found.json").read_text())
    assert found["answer"] in " ".join(printed.split())
    assert len(found["batches"]) == 45
    assert found["policies"].keys() == {"declared", "never"}
    assert found["policies"]["declared"].keys() == {
        "metric", "gain_over_never", "regret", "metric_name", "metric_by_batch", "retrains", "promotions",
        "rejections", "holds", "escalations", "quarantined", "drifted", "doubted", "decisions",
        "fits", "fit_seconds", "seconds",
    }  # fmt: skip
    assert found["policies"]["never"]["decisions"][0]["reason"] == "no_champion_yet"
    # A repeat takes what has been replayed: even the seconds are the same.
    before = Path("out/found.json").read_text()
    assert run(monkeypatch, *asked) == 0
    assert Path("out/found.json").read_text() == before


def test_a_page_is_written_beside_what_is_printed(
    rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = history_frame(batches=45).rename(columns={"wind": "wind <b>"})
    frame.to_csv(rows, index=False)
    assert run(monkeypatch, "--rows", str(rows), *ESTIMATOR, *POLICIES, "--html", "out/page.html") == 0
    assert "written: out/page.html" in capsys.readouterr().out
    page = Path("out/page.html").read_text()
    assert "Backtest: late of trips.csv" in page
    assert "The loop would not have retrained" in page
    assert page.count('<svg class="plot"') == 2
    assert "the first model: roc_auc_score" in page
    assert "<b>declared</b>" in page
    assert "wind <b>" not in page


WRONG = {
    "an unknown policy": (("--policy", "weekly"), "there is no policy weekly; known are declared, never"),
    "an unknown estimator": (("--estimator", "forest"), "there is no estimator forest; known are"),
    "a latency": (("--latency", "soon"), '--latency soon: a duration is text such as "28d"'),
    "a start": (("--start", "soon"), "--start soon: a time is written as 2025-03-01"),
    "a start after the end": (("--start", "2030-01-01"), "--start 2030-01-01 is after the last row of trips.csv"),
    "a label": (("--label", "delay"), "trips.csv has no column delay; it has trip_id"),
    "a key": (("--key", "carrier"), "rows repeat the carrier and departed_at of an earlier row"),
    "a metric": (
        ("--label", "wind", "--metric", "roc_auc_score"),
        "--metric roc_auc_score: wind holds numbers, not classes; allowed: mean_absolute_error",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_used_is_one_sentence_and_nothing_is_written(
    rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    options, sentence = WRONG[what]
    if what == "a key":
        frame = history_frame(batches=45)
        frame.assign(departed_at=frame["departed_at"].dt.floor("D")).to_csv(rows, index=False)
    assert run(monkeypatch, "--rows", str(rows), *ESTIMATOR, "--json", "found.json", *options) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert len(told.strip().splitlines()) == 1
    assert sorted(path.name for path in Path().iterdir()) == ["trips.csv"]


@pytest.mark.parametrize(
    ("count", "found"), [(20, "here are 20, of 1d"), (1_000, "here are 1,000, of 17d")], ids=["rows", "days"]
)
def test_a_history_too_short_for_a_model_says_how_much_one_takes(
    rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], count: int, found: str
) -> None:
    history_frame(batches=45).head(count).to_csv(rows, index=False)
    a_project_folder(rows.parent)
    assert run(monkeypatch, "trips", "--rows", str(rows), "--batch", "1d", *POLICIES) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert printed == (
        "Nothing can be compared: no policy came to a model: a first model takes 100 or more labelled rows, of "
        f"more than 17d; {found}."
    )


def test_a_file_with_a_header_alone_among_others_adds_nothing(
    rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = rows.parent / "days"
    folder.mkdir()
    frame = history_frame(batches=45)
    frame.to_csv(folder / "1.csv", index=False)
    frame.head(0).to_csv(folder / "2.csv", index=False)
    assert run(monkeypatch, "--rows", str(folder), *ESTIMATOR, "--policy", "never") == 0
    assert "45 batches of 1d" in capsys.readouterr().out


def test_without_a_model_or_an_estimator_it_says_what_to_name(
    rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--rows", str(rows)) == 2
    assert "name a MODEL below models/, or an --estimator" in capsys.readouterr().err
    assert run(monkeypatch, "--rows", str(rows), "--estimator", "linear") == 2
    assert "--estimator needs --label" in capsys.readouterr().err


def test_an_estimator_that_cannot_be_fitted_is_one_sentence_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rows: Path
) -> None:
    path = a_project_folder(tmp_path) / "models" / "trips" / "estimator.py"
    path.write_text(path.read_text(encoding="utf-8").replace('"wind", "load"', '"wint", "load"'), encoding="utf-8")
    for policy in ("declared", "never"):
        assert run(monkeypatch, "trips", "--rows", str(rows), "--policy", policy) == 2
        told = capsys.readouterr().err
        assert re.fullmatch(
            r"models/trips/estimator\.py: fit raised ValueError on [\d,]+ rows: .*column.*", told.strip()
        )


def test_an_estimator_that_cannot_answer_is_one_sentence_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rows: Path
) -> None:
    path = a_project_folder(tmp_path) / "models" / "trips" / "estimator.py"
    code = path.read_text(encoding="utf-8").replace('handle_unknown="ignore"', 'categories=[["A", "B"]]')
    path.write_text(code, encoding="utf-8")
    frame = history_frame(batches=45)
    later = frame["departed_at"] > frame["departed_at"].min() + pd.Timedelta(days=40)
    frame["carrier"] = np.where(later, "C", np.where(frame["load"] > frame["load"].median(), "A", "B"))
    frame.to_csv(rows, index=False)
    assert run(monkeypatch, "trips", "--rows", str(rows), "--policy", "never") == 2
    told = capsys.readouterr().err
    assert re.match(
        r"models/trips/estimator\.py: predict raised ValueError on [\d,]+ rows: .*unknown categor", told.strip()
    )
