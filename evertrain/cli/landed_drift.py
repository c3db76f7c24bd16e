"""The drift of what has landed for a model, from the monitor's sketches."""

from pathlib import Path

from evertrain.adapters.project.files import load_project
from evertrain.adapters.stage import Stage
from evertrain.cli.models import find_group, find_model
from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.duration import parse_duration
from evertrain.reports.drift_page import DriftPage
from evertrain.statistics.reference import Reference
from evertrain.use_cases.monitoring.judge_window import JudgeWindow


class InvalidWindow(EvertrainError):
    """The window is no duration."""

    exit_status = 2


def landed_drift(
    model: str, since: str, *, group: str | None, requests: bool, stage: str, project: Path
) -> DriftPage:
    """Of a group's batches, by default the model's own, or of requests to the endpoint.

    Raises UnknownModel, UnknownGroup, InvalidWindow, StageNotDeployed, EmptyWindow.
    """
    spec = find_model(load_project(project), model)
    named = find_group(spec, group)
    try:
        length = parse_duration(since)
    except ValueError as error:
        raise InvalidWindow(f"--since {since}: {error}") from error
    deployed = Stage.find(stage)
    judge = JudgeWindow(
        registry=deployed.registry,
        batches=deployed.batches,
        records=deployed.drift_records,
        load_reference=lambda uri: Reference.from_bytes(deployed.artifacts.get(uri)),
    )
    begins = deployed.now() - length
    found = judge.judge_requests(spec, since=begins) if requests else judge.run(spec, named, since=begins)
    others = f"; {found.skipped_batches} more have no sketch for this champion" if found.skipped_batches else ""
    return DriftPage(
        title=f"{model}: {'requests' if requests else f'features/{named}'} of the last {since}",
        before=f"training rows of {found.reference_version}",
        after=f"{found.batches} batch{'' if found.batches == 1 else 'es'} of the last {since}{others}",
        findings=found.findings,
        reference=found.reference,
        sketch=found.sketch,
    )
