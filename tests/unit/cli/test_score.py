"""`evertrain score`: where answers go is settled before anything is landed."""

from pathlib import Path

import pytest

from evertrain.adapters.files.places import DataFile
from evertrain.cli.score import NoPlaceForAnswers, _require_places
from evertrain.domain.landing.scoring import ScoringReport
from evertrain.terminal.scores_table import show_report
from tests.builders.models import NOW


def test_a_folder_for_the_answers_is_made(tmp_path: Path) -> None:
    _require_places(tmp_path / "a" / "b", [DataFile("1.csv"), DataFile("2.csv")])
    assert (tmp_path / "a" / "b").is_dir()


def test_no_earlier_answer_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("an answer")
    with pytest.raises(NoPlaceForAnswers, match=r"1\.csv is there already; name another folder with --out"):
        _require_places(tmp_path, [DataFile("rows/1.csv")])


def test_two_files_of_one_name_have_no_place_each(tmp_path: Path) -> None:
    with pytest.raises(NoPlaceForAnswers, match=r"two files are named 1\.csv"):
        _require_places(tmp_path, [DataFile("monday/1.csv"), DataFile("tuesday/1.csv")])


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(NoPlaceForAnswers, match="this is a file; name a folder"):
        _require_places(tmp_path / "a", [DataFile("1.csv")])


@pytest.mark.parametrize(
    ("report", "sentences"),
    [
        (
            {"model_version": "v1", "rows": 1_200, "refused": 2, "answer": "s3://scores/1.csv"},
            "1.csv: trips v1 answered 1,198 of 1,200 rows, in scores/1.csv "
            "what is wrong with the others stands in the column error",
        ),
        ({"error": "wind [m/s]: the column is missing"}, "1.csv was refused: wind [m/s]: the column is missing"),
    ],
)
def test_what_became_of_a_file_is_a_sentence(
    report: dict[str, str], sentences: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ScoringReport(file="scoring/trips/1.csv", landed_at=NOW, model="trips", **report)  # type: ignore[arg-type]
    show_report("1.csv", told, Path("scores/1.csv"))
    assert " ".join(capsys.readouterr().out.split()) == sentences
