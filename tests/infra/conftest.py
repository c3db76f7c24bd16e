"""The app synthesised as it is deployed, but with empty bundles: what is in them is tested by itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import infra  # noqa: F401  # names the Node to run on, before the construct library starts one
from evertrain.domain.project.model import Project
from infra.synthesis import Template, synthesise_templates

if TYPE_CHECKING:
    import aws_cdk as cdk

ROOT = Path(__file__).parents[2]

Resource = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    folder: Path
    templates: Mapping[str, Template]
    """As `synthesise_templates` names them."""

    def resources(self, kind: str, stack: str | None = None) -> list[Resource]:
        """Logical ids and properties of all resources of a CloudFormation type."""
        templates = [self.templates[stack]] if stack else self.templates.values()
        return [
            (name, resource.get("Properties", {}))
            for template in templates
            for name, resource in template["Resources"].items()
            if resource["Type"] == kind
        ]


Synthesise = Callable[..., Assembly]


@pytest.fixture(scope="session")
def synthesise(tmp_path_factory: pytest.TempPathFactory) -> Synthesise:
    """`synthesise(environment={…}, stage="dev", …)`: context keys by name; `checks` gets the app before synthesis."""

    def synthesise(
        *,
        environment: Mapping[str, str] | None = None,
        checks: "Callable[[cdk.App], None] | None" = None,
        project: Project | None = None,
        **context: str,
    ) -> Assembly:
        folder = tmp_path_factory.mktemp("synthesis")
        templates = synthesise_templates(
            folder, context=context, environment=environment or {}, checks=checks, project=project
        )
        return Assembly(folder=folder / "assembly", templates=templates)

    return synthesise


@pytest.fixture(scope="session")
def assembly(synthesise: Synthesise) -> Assembly:
    """With nothing chosen: what a first `cdk deploy` to AWS would bring."""
    return synthesise()
