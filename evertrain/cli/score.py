"""Predictions for a file of rows, however many: landed, answered by the champion, fetched."""

from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Annotated

import typer

from evertrain.adapters.files.places import DataFile, find_files
from evertrain.adapters.landing.file_scores import FileScores
from evertrain.adapters.project.files import load_project
from evertrain.adapters.stage import Stage
from evertrain.cli.models import find_model
from evertrain.cli.of_stages import HERE, AsJson, ModelName, ProjectFolder, StageName, print_json
from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.scoring import ScoringReport
from evertrain.terminal.scores_table import show_report
from evertrain.terminal.waiting import wait_until


class NoPlaceForAnswers(EvertrainError):
    """The folder that answers are to be written to is none, or an answer is there already."""

    exit_status = 2


def score(
    model: ModelName,
    files: Annotated[
        list[str],
        typer.Argument(
            help="Parquet, Arrow, CSV or JSON Lines with a column for each feature; also s3://bucket/prefix"
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder for the answers, which have the files' names.")] = Path(
        "scores"
    ),
    wait: Annotated[int, typer.Option(min=1, help="Seconds to wait for each answer.")] = 900,
    stage: StageName = "dev",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Answer files of rows by files of predictions, as whatever lands below scoring/ is answered."""
    find_model(load_project(project), model)
    found = [file for place in files for file in find_files(place)]
    _require_places(out, found)
    scores = Stage.find(stage).file_scores
    # Each call has a folder of its own: nobody else's file of the same name is replaced.
    call = f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}-{token_hex(3)}"
    reports = [_answered(scores, model, f"{call}/{file.name}", file, out=out, wait=wait) for file in found]
    if as_json:
        print_json(reports[0] if len(reports) == 1 else reports)
    else:
        for file, report in zip(found, reports, strict=True):
            show_report(file.name, report, out / file.name)
    if any(report.error for report in reports):
        raise typer.Exit(2)


def _answered(scores: FileScores, model: str, name: str, file: DataFile, *, out: Path, wait: int) -> ScoringReport:
    key = scores.land(model, name, file.read())
    report = wait_until(lambda: scores.report(key), seconds=wait, awaited=f"the answer to {file.name}")
    if report.answer:
        scores.download(key, out / file.name)
    return report


def _require_places(out: Path, files: list[DataFile]) -> None:
    """Raises NoPlaceForAnswers."""
    if out.exists() and not out.is_dir():
        raise NoPlaceForAnswers(f"--out {out}: this is a file; name a folder")
    names = [file.name for file in files]
    for name in names:
        if names.count(name) > 1:
            raise NoPlaceForAnswers(
                f"two files are named {name}, and so would be their answers: ask for one at a time"
            )
        if (out / name).exists():
            raise NoPlaceForAnswers(f"{out / name} is there already; name another folder with --out")
    out.mkdir(parents=True, exist_ok=True)
