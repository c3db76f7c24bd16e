"""The templates without building what is in the bundles: for tests, and for pages made from templates."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from evertrain.adapters.project.files import load_project
from evertrain.domain.project.model import Project
from evertrain.toolchain.workspace import Workspace
from infra.app import add_stacks, default_context
from infra.bundles import BuiltBundle, Bundle
from infra.options import Options

REPOSITORY = Path(__file__).parents[1]

Template = dict[str, Any]


def synthesise_templates(
    folder: Path,
    *,
    context: Mapping[str, str],
    environment: Mapping[str, str],
    checks: Callable[[cdk.App], None] | None = None,
    project: Project | None = None,
) -> dict[str, Template]:
    """By the last word of the stack's name: data, monitoring, training, serving, dashboard.

    `folder`: new, gets the assembly. `context`: over that of cdk.json. `checks` gets the app before synthesis.
    `project`: by default the repository's.
    """
    code, image, out = (folder / name for name in ("code", "image", "assembly"))
    code.mkdir()
    (code / "handler.py").write_text("")
    image.mkdir()
    (image / "Dockerfile").write_text("FROM scratch\n")

    def build(bundle: Bundle) -> BuiltBundle:
        return BuiltBundle(path=code, digest=f"digest of {bundle.name}")

    workspace = Workspace.of(REPOSITORY)
    app = cdk.App(outdir=str(out), context=default_context(workspace))
    options = Options.read(context.get, environment)
    add_stacks(app, options=options, project=project or load_project(workspace.project), build=build, image=image)
    if checks is not None:
        checks(app)
    app.synth()
    return {
        path.name.removesuffix(".template.json").rsplit("-", 1)[1]: json.loads(path.read_text())
        for path in out.glob("*.template.json")
    }
