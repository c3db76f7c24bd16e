"""The model, and the feature group of it, that a command names."""

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.model import ModelSpec, Project


class UnknownModel(EvertrainError):
    """There is no such folder below models/."""


class UnknownGroup(EvertrainError):
    """The model draws no feature from this group."""


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
