"""A person's word on a contender that passed the gate and waits."""

from pathlib import Path
from typing import Annotated

import typer

from evertrain.adapters.aws.account import caller_name
from evertrain.adapters.project.files import load_project
from evertrain.adapters.stage import Stage
from evertrain.cli.models import find_model
from evertrain.cli.of_stages import HERE, AsJson, ModelName, ProjectFolder, StageName, print_json
from evertrain.domain.deployment.steps import ApprovalAnswer
from evertrain.terminal.approvals import show_answered

Waiting = Annotated[
    str,
    typer.Argument(
        metavar="DECISION|VERSION",
        help="its id, or the beginning of it; what waits when left out",
        show_default=False,
    ),
]
Because = Annotated[str, typer.Option(help="Why, for whoever reads the decision later.")]


def approve(
    model: ModelName,
    waiting: Waiting = "",
    because: Because = "",
    stage: StageName = "dev",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Let a contender answer callers that passed the gate and waits for a person: its rollout begins."""
    _answer(ApprovalAnswer.APPROVED, model, waiting, because, stage, project, as_json=as_json)


def reject(
    model: ModelName,
    waiting: Waiting = "",
    because: Because = "",
    stage: StageName = "dev",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Keep a contender from callers that passed the gate and waits for a person: the champion stays."""
    _answer(ApprovalAnswer.REJECTED, model, waiting, because, stage, project, as_json=as_json)


def _answer(
    answer: ApprovalAnswer, model: str, waiting: str, because: str, stage: str, project: Path, *, as_json: bool
) -> None:
    find_model(load_project(project), model)
    found = Stage.find(stage).answer_approval.run(model, waiting, answer=answer, by=caller_name(), because=because)
    print_json(found) if as_json else show_answered(found)
