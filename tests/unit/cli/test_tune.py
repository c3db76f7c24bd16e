"""`evertrain tune`: settings are searched on the first part of a history, and written if the rest confirms them."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from evertrain.cli import program
from tests.builders.history import history_frame
from tests.builders.projects import MODEL, a_project_folder

FIRST_BATCHES = 48


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A world that turns every 20 days: who retrains every 28 is wrong for long."""
    monkeypatch.chdir(tmp_path)
    frame = history_frame(batches=80, rows=60)
    day = (frame["departed_at"] - frame["departed_at"].min()).dt.days
    flipped = day // 20 % 2 == 1
    frame["late"] = frame["late"].where(~flipped, 1 - frame["late"])
    frame.to_csv(tmp_path / "trips.csv", index=False)
    return a_project_folder(tmp_path)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["evertrain", "tune", *arguments])
    with pytest.raises(SystemExit) as ended:
        program.run()
    return int(ended.value.code or 0)


ASKED = ("trips", "--rows", "trips.csv", "--batch", "1d", "--trials", "5", "--unseen", "0.4")


def test_what_the_unseen_batches_confirm_is_written_and_comments_stay(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *ASKED) == 0
    assert "`--write` writes it into model.toml." in capsys.readouterr().out
    assert (folder / "models/trips/model.toml").read_text() == MODEL, "nothing is written unless it is asked for"
    # A repeat takes what has been replayed.
    assert run(monkeypatch, *ASKED, "--json", "out/found.json", "--write") == 0
    found: dict[str, Any] = json.loads((folder / "out/found.json").read_text())
    printed = " ".join(capsys.readouterr().out.split())
    assert found["answer"] in printed
    assert (found["searched_batches"], found["unseen_batches"]) == (FIRST_BATCHES, 80 - FIRST_BATCHES)
    assert {"setting", "metric", "difference", "standard_error", "batches", "retrains"} == found["trials"][0].keys()
    assert 3 <= len(found["trials"]) <= 5
    assert found["trials"] == sorted(found["trials"], key=lambda each: -each["difference"])
    written = (folder / "models/trips/model.toml").read_text()
    assert found["confirmed"]
    assert found["chosen"] == {"training.windows": ["7d", "since_change"]}
    assert f"written: {Path('models/trips/model.toml')}" in printed
    assert found["proof"]["interval"][0] <= found["proof"]["difference"] <= found["proof"]["interval"][1]
    assert tomllib.loads(written)["training"]["windows"] == ["7d", "since_change"]
    assert 'title = "Will a trip be late?" # as people ask' in written
    assert "# once a month is what the team can review" in written


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("planes", "--rows", "trips.csv"), "there is no models/planes/"),
        (("trips", "--rows", "short.csv", "--batch", "1d"), "are too short a history, or the policy as declared"),
        (("trips", "--rows", "trips.csv", "--latency", "soon"), "--latency soon: a duration is text such as"),
    ],
)
def test_what_cannot_be_tuned_ends_with_one_sentence(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    sentence: str,
) -> None:
    history_frame(batches=40).to_csv(folder / "short.csv", index=False)
    assert run(monkeypatch, *arguments, "--trials", "4") == 2
    told = capsys.readouterr().err
    assert sentence in " ".join(told.split())
    assert "Traceback" not in told


def test_an_estimator_that_cannot_be_fitted_is_one_sentence_with_its_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "models" / "trips" / "estimator.py"
    path.write_text(path.read_text(encoding="utf-8").replace('["carrier"]', '["carier"]'), encoding="utf-8")
    assert run(monkeypatch, *ASKED, "--trials", "4") == 2
    told = capsys.readouterr().err
    assert re.fullmatch(r"models/trips/estimator\.py: fit raised ValueError on [\d,]+ rows: .*column.*", told.strip())


def test_a_file_that_cannot_be_written_is_told_before_anything_is_searched(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.access", lambda path, _: not str(path).endswith("model.toml"))
    assert run(monkeypatch, *ASKED, "--write") == 2
    assert "model.toml cannot be written; make it writable, or leave out --write" in capsys.readouterr().err
