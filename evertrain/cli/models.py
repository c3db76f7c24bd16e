"""The model, and the feature group or the decision of it, that a command names."""

from collections.abc import Sequence

from evertrain.domain.deciding.decisions import RecordedDecision
from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.model import ModelSpec, Project


class UnknownModel(EvertrainError):
    """There is no such folder below models/."""

    exit_status = 2


class UnknownGroup(EvertrainError):
    """The model draws no feature from this group."""

    exit_status = 2


class UnknownDecisionId(EvertrainError):
    """No decision of the model has this id."""

    exit_status = 2


def find_decision(recorded: Sequence[RecordedDecision], model: str, beginning: str) -> RecordedDecision:
    """The newest whose id begins so; they come newest first. Raises UnknownDecisionId."""
    for each in recorded:
        if each.decision_id.startswith(beginning):
            return each
    what = f"no decision {beginning}" if beginning else "no decision yet"
    raise UnknownDecisionId(f"{model} has {what}; `evertrain decisions {model} --json` lists them with their ids")


def find_model(project: Project, name: str) -> ModelSpec:
    """Raises UnknownModel."""
    if name not in project.models:
        raise UnknownModel(f"there is no models/{name}/; known models: {', '.join(sorted(project.models))}")
    return project.models[name]


def find_group(spec: ModelSpec, name: str | None) -> str:
    """The model's own group without a name. Raises UnknownGroup."""
    if name is None:
        return spec.group.name
    names = [group.name for group in spec.groups]
    if name not in names:
        raise UnknownGroup(f"{spec.name} draws nothing from a group {name}; it draws from {', '.join(names)}")
    return name
