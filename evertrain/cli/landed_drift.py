"""The drift of what has landed for a model, from the sketches that the monitor kept."""

from pathlib import Path

from evertrain.adapters.project.files import load_project
from evertrain.adapters.stage import Stage
from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.duration import parse_duration
from evertrain.domain.project.model import ModelSpec
from evertrain.reports.drift_page import DriftPage
from evertrain.statistics.reference import Reference
from evertrain.use_cases.monitoring.judge_window import JudgeWindow


class WrongWindow(EvertrainError):
    """The window is no duration, or the model is unknown."""


class UnknownGroup(EvertrainError):
    """The model draws no feature from this group."""


def landed_drift(
    model: str, since: str, *, group: str | None, requests: bool, stage: str, project: Path
) -> DriftPage:
    """Of a group's batches, by default the model's own, or of requests to the endpoint.

    Raises WrongWindow, UnknownGroup, StageNotDeployed, EmptyWindow.
    """
    models = load_project(project).models
    if model not in models:
        raise WrongWindow(f"there is no models/{model}/; known models: {', '.join(sorted(models))}")
    try:
        length = parse_duration(since)
    except ValueError as error:
        raise WrongWindow(f"--since {since}: {error}") from error
    deployed = Stage.find(stage)
    judge = JudgeWindow(
        registry=deployed.registry,
        batches=deployed.batches,
        records=deployed.drift_records,
        load_reference=lambda uri: Reference.from_bytes(deployed.artifacts.get(uri)),
    )
    spec, begins = models[model], deployed.now() - length
    named = group_of(spec, group)
    found = judge.of_requests(spec, since=begins) if requests else judge.run(spec, named, since=begins)
    others = f"; {found.skipped_batches} more were compared with an earlier champion" if found.skipped_batches else ""
    return DriftPage(
        title=f"{model}: {'requests' if requests else f'features/{named}'} of the last {since}",
        before=f"training rows of {found.reference_version}",
        after=f"{found.batches} batches of the last {since}{others}",
        findings=found.findings,
        reference=found.reference,
        sketch=found.sketch,
    )


def group_of(spec: ModelSpec, named: str | None) -> str:
    """Raises UnknownGroup."""
    if named is None:
        return spec.group.name
    names = [group.name for group in spec.groups]
    if named not in names:
        raise UnknownGroup(f"{spec.name} draws nothing from a group {named}; it draws from {', '.join(names)}")
    return named
