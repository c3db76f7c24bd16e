"""The CDK app: `python -m infra.app`, which `cdk` runs. Every fault of the project is told in plain words."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk

from evertrain.adapters.project.files import load_project
from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.model import Project
from infra.bundles import BuiltBundle, Bundle, Target, build_function, stage_training_image
from infra.dashboard_stack import DashboardStack
from infra.data_stack import DataStack
from infra.monitoring_stack import MonitoringStack
from infra.options import Options
from infra.serving_stack import ServingStack
from infra.training_stack import TrainingStack

ROOT = Path(__file__).parents[1]


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


def main() -> int:
    app = cdk.App()
    try:
        options = Options.read(app.node.try_get_context, os.environ)
        project = load_project(ROOT)
        target = Target.from_option(options.bundles)
        add_stacks(
            app,
            options=options,
            project=project,
            build=lambda bundle: build_function(bundle, root=ROOT, target=target),
            image=stage_training_image(root=ROOT),
        )
    except EvertrainError as error:
        print(error, file=sys.stderr)
        return 1
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
