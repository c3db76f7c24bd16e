"""Commands for whoever keeps a stage running."""

import json
from typing import Annotated

import typer

from evertrain.adapters.stage import Stage
from evertrain.domain.deployment.stacks import DEAD_LETTERS, OPTIONAL_DEAD_LETTERS
from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.model import Project
from evertrain.terminal import show
from evertrain.use_cases.deciding.check_stage import StageCheck, check_stage

QUEUES = (*DEAD_LETTERS, *OPTIONAL_DEAD_LETTERS)


class UnknownQueue(EvertrainError):
    """There is no dead-letter queue of this name."""

    exit_status = 2


def check_deployed(project: Project, stage: str) -> StageCheck:
    """Raises StageNotDeployed, StackNotDeployed."""
    deployed = Stage.find(stage)
    return check_stage(
        stage,
        subscribers=deployed.escalations.subscribers(),
        dead_letters={name: deployed.dead_letters(name).count() for name in deployed.dead_letter_names},
        statuses=[deployed.model_status.run(project.models[name]) for name in sorted(project.models)],
    )


def redrive(
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help=f"one of {', '.join(QUEUES)}")],
    stage: Annotated[str, typer.Option("--stage", envvar="EVERTRAIN_STAGE", help="Which deployment.")] = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Hand out again what could not be worked off, once the reason is mended."""
    if queue not in QUEUES:
        raise UnknownQueue(f"there is no queue {queue}; one of {', '.join(QUEUES)}")
    deployed = Stage.find(stage)
    if queue not in deployed.dead_letter_names:
        raise UnknownQueue(f"stage {stage} has no queue {queue}: it was deployed without what fills it")
    count = deployed.dead_letters(queue).redrive()
    print(json.dumps({"queue": queue, "redriven": count})) if as_json else show.redriven(queue, count)
