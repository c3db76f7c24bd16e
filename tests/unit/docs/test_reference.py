"""Pages that are told from the code say what it does."""

import json
import re
from datetime import timedelta
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from evertrain.cli import program
from evertrain.cli.main import app
from evertrain.domain.event_details import DETAILS, Field
from evertrain.domain.events import EventName
from evertrain.domain.project.metric import Task
from evertrain.replay.estimators import built_in_estimator
from evertrain.replay.loop import ReplayedLoop
from evertrain.replay.result import Recorder
from reference.commands import commands
from reference.doors import make_doors
from reference.http import refusals
from reference.pages import pages
from tests.builders.history import a_history, history_frame

ROOT = Path(__file__).parents[3]


def test_what_is_committed_is_what_the_code_says() -> None:
    for name, text in pages(ROOT / "docs").items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == text, f"{name}: run `make reference`"


def test_every_command_that_the_program_knows_is_told() -> None:
    known = {each.name or each.callback.__name__ for each in app.registered_commands if each.callback}
    known |= {each.name for each in app.registered_groups}
    assert {name.partition(" ")[0] for name in commands()} == known
    assert set(program._ALONE) <= known


@pytest.mark.parametrize("name", EventName)
def test_an_example_of_an_event_holds_what_its_type_says(name: EventName) -> None:
    detail = {field: found.example for field, found in fields_of(DETAILS[name]).items()}
    assert json.loads(json.dumps(detail)) == detail
    assert_holds(detail, DETAILS[name])


def test_what_a_loop_publishes_is_of_the_types_that_are_told(tmp_path: Path) -> None:
    frame = history_frame(batches=80, changes_at=50)
    frame.loc[frame["departed_at"].dt.day_of_year > 60, "load"] += 2
    frame.loc[frame["departed_at"].dt.day_of_year == 70, "wind"] = None
    history = a_history(tmp_path, frame, latency=timedelta(days=2))
    make = built_in_estimator("linear", Task.CLASSIFICATION)
    loop = ReplayedLoop(history=history, make_estimator=make, recorder=Recorder(history=history), seed=0)
    for step in history.steps:
        loop.step(step)
    for event in loop.bus.published:
        assert_holds(event.detail, DETAILS[event.name])
    assert {"FeatureBatchAccepted", "FeatureDriftDetected", "FeatureBatchQuarantined", "RetrainRequested"} <= {
        event.name.value for event in loop.bus.published
    }


def fields_of(detail: type) -> dict[str, Field]:
    hints = get_type_hints(detail, include_extras=True)
    return {name: next(each for each in hint.__metadata__ if isinstance(each, Field)) for name, hint in hints.items()}


def assert_holds(value: Any, kind: Any) -> None:
    if is_typeddict(kind):
        hints = get_type_hints(kind)
        assert set(value) == set(hints)
        for name, hint in hints.items():
            assert_holds(value[name], hint)
    elif get_origin(kind) is list:
        assert isinstance(value, list)
        for each in value:
            assert_holds(each, get_args(kind)[0])
    else:
        assert not isinstance(kind, UnionType)
        assert isinstance(value, int | float if kind is float else kind)


@pytest.mark.parametrize("pattern", ["serving/*.py", "lambdas/collect/labels.py"])
def test_every_status_that_is_refused_with_is_told(pattern: str) -> None:
    source = "".join(path.read_text() for path in sorted(ROOT.glob(pattern)))
    written = set(re.findall(r"(?:Refusal|error_response|_answer)\(\s*(\d{3}),", source))
    told = {str(status) for status, _, _ in refusals(make_doors())} | {"202"}
    assert len(written) >= 4
    assert written <= told


def test_of_refused_requests_no_label_is_kept_and_answers_only_where_their_explanation_was_refused() -> None:
    doors = make_doors()
    assert len(list(refusals(doors))) > 20
    assert doors.reported == []
    assert not any(each.trouble for each in doors.kept)
