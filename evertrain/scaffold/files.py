"""Writes a proposal as the files of a project: all of them, or none."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import tomlkit

from evertrain.adapters.project.keys import schema_files
from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.duration import format_duration
from evertrain.domain.project.metric import GuardMetric, Metric, ModelMetric, Task, known_metrics
from evertrain.scaffold.proposal import Proposal

SCHEMAS = Path(".evertrain")
"""The same for all models of a project, so written anew each time."""


class AlreadyThere(EvertrainError):
    """A file that is to be written exists."""

    exit_status = 2


def project_files(proposal: Proposal) -> dict[Path, str]:
    """By path below the project's folder."""
    spec = proposal.history.spec
    values: dict[str, Any] = {
        "proposal": proposal,
        "spec": spec,
        "batch": proposal.history.batch,
        "windows": [
            *map(format_duration, spec.training.windows),
            *(each.value for each in spec.training.moving_windows),
        ],
        "metrics": [each.value for each in known_metrics(spec.task, is_multiclass=spec.is_multiclass)],
        "guard": _a_guard(spec.metric),
        "is_classification": spec.task is Task.CLASSIFICATION,
        "text_feature": next((each.name for each in spec.features if not each.kind.is_quantitative), None),
    }
    folder = Path("models") / spec.name
    return {
        Path("features") / f"{spec.name}.toml": _render("features.toml.jinja", values),
        folder / "model.toml": _render("model.toml.jinja", values),
        folder / "estimator.py": _render("estimator.py.jinja", values),
        folder / "README.md": _render("README.md.jinja", values),
    }


def write_files(root: Path, found: Mapping[Path, str]) -> None:
    """With what editors complete them by. Raises AlreadyThere, and then nothing is written."""
    there = [str(path) for path in found if (root / path).exists()]
    if there:
        raise AlreadyThere(f"{', '.join(there)}: already there; choose another name, or remove what is there")
    schemas = {SCHEMAS / name: text for name, text in schema_files().items()}
    for path, text in (schemas | dict(found)).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def _a_guard(metric: ModelMetric) -> str:
    """An example of what the metric by itself does not see."""
    if metric.task is Task.CLASSIFICATION:
        return GuardMetric.EXPECTED_CALIBRATION_ERROR
    return Metric.MEAN_ABSOLUTE_ERROR if metric is Metric.R2_SCORE else Metric.R2_SCORE


def _render(template: str, values: Mapping[str, Any]) -> str:
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda each: files(__package__).joinpath(each).read_text(encoding="utf-8")),
        autoescape=False,  # noqa: S701  # TOML and Python, not HTML
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["toml"] = lambda value: tomlkit.item(value).as_string()
    environment.filters["key"] = lambda name: tomlkit.item(name).as_string() if _needs_quotes(name) else name
    environment.filters["duration"] = format_duration
    return environment


def _needs_quotes(name: str) -> bool:
    return not name.isascii() or not name.replace("_", "").replace("-", "").isalnum()
