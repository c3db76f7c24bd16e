"""The app synthesised as it is deployed, but with empty bundles: what is in them is tested by itself."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import infra  # noqa: F401  # names the Node to run on, before the construct library starts one
from evertrain.adapters.project.files import load_project
from infra.bundles import BuiltBundle, Bundle
from infra.options import Options

ROOT = Path(__file__).parents[2]

Template = dict[str, Any]
Resource = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    folder: Path
    templates: Mapping[str, Template]
    """By the last word of the stack's name: data, monitoring, training, serving."""

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
    import aws_cdk as cdk

    from infra.app import add_stacks

    code = tmp_path_factory.mktemp("bundle")
    (code / "handler.py").write_text("")
    image = tmp_path_factory.mktemp("image")
    (image / "Dockerfile").write_text("FROM scratch\n")

    def build(bundle: Bundle) -> BuiltBundle:
        return BuiltBundle(path=code, digest=f"digest of {bundle.name}")

    def synthesise(
        *,
        environment: Mapping[str, str] | None = None,
        checks: Callable[[cdk.App], None] | None = None,
        **context: str,
    ) -> Assembly:
        folder = tmp_path_factory.mktemp("assembly")
        app = cdk.App(outdir=str(folder), context=json.loads((ROOT / "cdk.json").read_text())["context"])
        options = Options.read(context.get, environment or {})
        add_stacks(app, options=options, project=load_project(ROOT), build=build, image=image)
        if checks is not None:
            checks(app)
        app.synth()
        templates = {
            path.name.removesuffix(".template.json").rsplit("-", 1)[1]: json.loads(path.read_text())
            for path in folder.glob("*.template.json")
        }
        return Assembly(folder=folder, templates=templates)

    return synthesise


@pytest.fixture(scope="session")
def assembly(synthesise: Synthesise) -> Assembly:
    """With nothing chosen: what a first `cdk deploy` to AWS would bring."""
    return synthesise()
