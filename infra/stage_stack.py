"""What all stacks of a stage have in common: their names, and the outputs by which the command line finds things."""

from collections.abc import Mapping

from aws_cdk import CfnOutput, Stack, StackSynthesizer
from constructs import Construct

from evertrain.domain.deployment.stacks import Output, StackName, stack_name
from infra.options import Options


class StageStack(Stack):
    def __init__(
        self, scope: Construct, name: StackName, *, options: Options, synthesizer: StackSynthesizer | None, about: str
    ) -> None:
        """`about`: what is in it, for whoever looks at it in CloudFormation."""
        super().__init__(
            scope, stack_name(options.stage, name), synthesizer=synthesizer, description=f"Evertrain: {about}"
        )

    def add_outputs(self, values: Mapping[Output, str]) -> None:
        for key, value in values.items():
            CfnOutput(self, str(key), value=value)
