"""A command ends with 2 where something that it was given cannot be used, whichever command it is."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from evertrain.cli.main import app
from evertrain.cli.store import InvalidTime
from evertrain.domain.errors import EvertrainError
from evertrain.domain.release.registry import UnknownVersion
from evertrain.use_cases.landing.accept_batch import NothingToAccept
from evertrain.use_cases.landing.release_batch import NotReleasable
from evertrain.use_cases.release.ask_rollout import NothingToRollOut
from evertrain.use_cases.release.take_back import NothingToTakeBack
from tests.unit.cli.test_doctor import project

__all__ = ["project"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["land", "boats", "rows.csv"], "there is no models/boats/"),
        (["status", "boats"], "there is no models/boats/"),
        (["versions", "boats"], "there is no models/boats/"),
        (["backtest", "boats", "--rows", "rows.csv"], "there is no models/boats/"),
        (["features", "boats"], "there is no table boats"),
        (["redrive", "boats"], "there is no queue boats"),
    ],
)
def test_what_a_command_names_and_is_not_there_ends_it_with_2(
    project: Path, tmp_path: Path, arguments: list[str], told: str
) -> None:
    (tmp_path / "rows.csv").write_text("trip_id\n1\n")
    given = [str(tmp_path / each) if each == "rows.csv" else each for each in arguments]
    where = [] if "redrive" in arguments else ["--project", str(project)]
    done = CliRunner().invoke(app, [*given, *where])
    assert isinstance(done.exception, EvertrainError)
    assert (str(done.exception).startswith(told), done.exception.exit_status) == (True, 2)


@pytest.mark.parametrize(
    "error", [InvalidTime, UnknownVersion, NothingToAccept, NotReleasable, NothingToRollOut, NothingToTakeBack]
)
def test_times_versions_and_batches_that_cannot_be_used_end_every_command_with_2(error: type[EvertrainError]) -> None:
    assert error.exit_status == 2
