"""What the how-to pages show is what there is: messages, templates, an estimator."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import evertrain
from evertrain.domain.deciding.decisions import Reason
from evertrain.domain.event_details import DETAILS
from evertrain.domain.events import SOURCE, EventName
from evertrain.domain.project.metric import Task
from evertrain.replay.estimators import built_in_estimator
from evertrain.replay.loop import ReplayedLoop
from evertrain.replay.result import Recorder
from tests.builders.history import a_history, history_frame
from tests.builders.loans import loans

ROOT = Path(__file__).parents[3]
TEMPLATES = [ROOT / "docs/examples/calls_to_slack.yaml", ROOT / "docs/examples/calls_to_pagerduty.yaml"]


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs/how-to" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_call_that_is_shown_is_one_of_a_broken_feed(tmp_path: Path) -> None:
    frame = history_frame(batches=80, changes_at=50)
    frame.loc[frame["departed_at"].dt.day_of_year == 70, "wind"] = None
    history = a_history(tmp_path, frame)
    make = built_in_estimator("linear", Task.CLASSIFICATION)
    loop = ReplayedLoop(history=history, make_estimator=make, recorder=Recorder(history=history), seed=0)
    for step in history.steps:
        loop.step(step)
    (subject, message), *_ = loop.escalations.called
    (shown,) = blocks("alarms.md", "text")
    assert without_ids(shown.strip()) == without_ids(message.replace("model trips", "model loans"))
    assert subject == "Evertrain: trips needs a person"


def without_ids(message: str) -> str:
    return re.sub(r"decision [0-9a-f]{16}", "decision …", message.replace("model trips", "model loans"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_is_valid_and_hears_of_what_is_published(template: Path) -> None:
    linted = subprocess.run([Path(sys.executable).parent / "cfn-lint", template], capture_output=True, check=False)
    assert linted.returncode == 0, linted.stdout.decode()
    text = template.read_text()
    assert f"source: [{SOURCE}]" in text
    assert f"detail-type: [{EventName.HUMAN_CALLED}]" in text
    paths = dict(re.findall(r"(\w+): \$\.detail\.(\w+)", text))
    assert set(paths.values()) <= set(get_type_hints(DETAILS[EventName.HUMAN_CALLED]))
    body = " ".join(re.split(r"InputTemplate: (?:!Sub >-)?", text)[1].split()).strip("'")
    sent = json.loads(re.sub(r"<(\w+)>|\$\{(\w+)\}", lambda found: paths.get(found[1] or "", "key"), body))
    assert set(re.findall(r"<(\w+)>", body)) == set(paths)
    assert sent.keys() in ({"text"}, {"routing_key", "event_action", "dedup_key", "payload"})


def test_a_reason_to_call_says_what_it_would_take() -> None:
    """The page promises it of every call."""
    from evertrain.domain.deciding.evidence import _NEEDED, _SINCE

    assert set(_NEEDED) == set(_SINCE) <= set(Reason)


def test_the_estimator_that_is_shown_is_trained_converted_and_served() -> None:
    code, transformers = blocks("estimator.md", "python")
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  # what the page says
    make = names["make_estimator"]
    assert make(seed=1, C=0.1)[-1].C == 0.1
    found = evertrain.backtest(
        loans(), label="defaulted", key="loan_id", latency="7d", estimator=make, policies=["declared"], workers=1
    )
    assert found.policies["declared"].metric is not None, found.answer
    exec(transformers, names)  # noqa: S102  # as above
    assert names["Clipped"]().fit_transform([[0.0], [1.0], [2.0]]).ravel().tolist() == [0.02, 1.0, 1.98]
