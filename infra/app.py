"""The CDK app: `python -m infra.app`, which `cdk` runs in the project's folder. Every fault of the project is told in
plain words."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from evertrain.adapters.project.files import load_project
from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.model import Project
from evertrain.toolchain.workspace import Workspace
from infra.bundles import BuiltBundle, Bundle, build_function, stage_training_image
from infra.dashboard_stack import DashboardStack
from infra.data_stack import DataStack
from infra.dependencies import Target
from infra.monitoring_stack import MonitoringStack
from infra.options import Options
from infra.serving_stack import ServingStack
from infra.training_stack import TrainingStack


def add_stacks(
    app: cdk.App, *, options: Options, project: Project, build: Callable[[Bundle], BuiltBundle], image: Path
) -> None:
    """All five. The first two need nothing of the others, and deploy by themselves."""

    def synthesizer() -> cdk.StackSynthesizer | None:
        return cdk.CliCredentialsStackSynthesizer() if options.cli_credentials else None

    data = DataStack(app, options=options, synthesizer=synthesizer())
    MonitoringStack(app, options=options, data=data, project=project, build=build, synthesizer=synthesizer())
    TrainingStack(app, options=options, data=data, build=build, image=image, synthesizer=synthesizer())
    ServingStack(app, options=options, data=data, project=project, build=build, synthesizer=synthesizer())
    DashboardStack(app, options=options, project=project, synthesizer=synthesizer())


def default_context(workspace: Workspace) -> dict[str, Any]:
    """Of our own cdk.json; that of a project's, and options, have precedence."""
    return dict(json.loads((workspace.deployables / "cdk.json").read_text())["context"])


def main() -> int:
    workspace = Workspace.of(Path.cwd())
    app = cdk.App(context=default_context(workspace))
    try:
        Options.require_known(app.node.get_all_context())
        options = Options.read(app.node.try_get_context, os.environ)
        project = load_project(workspace.project)
        target = Target.from_option(options.bundles)
        add_stacks(
            app,
            options=options,
            project=project,
            build=lambda bundle: build_function(bundle, workspace=workspace, target=target),
            image=stage_training_image(workspace=workspace),
        )
    except EvertrainError as error:
        print(error, file=sys.stderr)
        return 1
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
