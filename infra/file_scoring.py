"""Landed files of rows are answered by files: small ones by the function that hears of them, others by a state
machine."""

from aws_cdk import Duration, Size
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from evertrain.domain.deployment.prefixes import ArtifactPrefix
from evertrain.domain.deployment.stacks import Output
from evertrain.domain.deployment.steps import ScoringStep
from evertrain.domain.deployment.variables import Variable
from evertrain.domain.events import OBJECT_CREATED, S3_SOURCE
from evertrain.domain.landing.scoring import SCORING
from infra.alarms import call_when_executions_end
from infra.bundles import BuiltBundle, Bundle
from infra.data_stack import DataStack
from infra.grants import grant, grant_find_objects, grant_items, grant_on_serving, grant_write_objects
from infra.options import Options
from infra.partwise import PartSteps, PartwiseStateMachine
from infra.python_function import python_function
from infra.sqs_to_lambda import SqsToLambda

SCORE = Bundle(folder="lambdas/score", lock="monitor.txt")

PARTS_AT_ONCE = 10
"""Each asks the model's function, which callers are answered by, too."""


class FileScoring(Construct):
    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        options: Options,
        data: DataStack,
        bundle: BuiltBundle,
        predictions: sqs.IQueue,
    ) -> None:
        super().__init__(scope, name)
        self._options, self._data, self._bundle, self._predictions = options, data, bundle, predictions
        score = self._function(
            "Score",
            handler="lambdas.score.handler.lambda_handler",
            description="Answers a landed file of rows by a file of predictions",
            timeout=Duration.minutes(5),
        )
        parts = self._function(
            "ScoreParts",
            handler="lambdas.score.parts.lambda_handler",
            description="A step of answering a file that is too large for one function",
            timeout=Duration.minutes(15),
        )
        queue = SqsToLambda(
            self, "ToScore", function=score, batch_size=1, max_concurrency=5, alarm_topic=data.escalations
        )
        queue.add_event_rule(
            "FileLanded",
            pattern=events.EventPattern(
                source=[S3_SOURCE],
                detail_type=[OBJECT_CREATED],
                detail={
                    "bucket": {"name": [data.landing.bucket_name]},
                    "object": {"key": [{"prefix": f"{SCORING}/"}]},
                },
            ),
        )
        machine = PartwiseStateMachine(
            self,
            "Scoring",
            function=parts,
            steps=PartSteps(split=ScoringStep.SPLIT, part=ScoringStep.SCORE_PART, finish=ScoringStep.FINISH),
            at_once=PARTS_AT_ONCE,
            dead_letter_queue=queue.dead_letter_queue,
        )
        call_when_executions_end(
            self,
            "Scoring",
            machine=machine.state_machine,
            subject="The answer to a large file",
            ends=("aborted", "timed out"),  # one that fails leaves its event with the dead letters
            remedy="land it again.",
            topic=data.escalations,
        )
        score.add_environment(str(Variable.SCORING_ARN), machine.state_machine.state_machine_arn)
        machine.grant_start(score)
        self.outputs = {
            Output.TO_SCORE_QUEUE_URL: queue.queue.queue_url,
            Output.TO_SCORE_DEAD_QUEUE_URL: queue.dead_letter_queue.queue_url,
            Output.SCORING_ARN: machine.state_machine.state_machine_arn,
        }

    def _function(self, name: str, *, handler: str, description: str, timeout: Duration) -> lambda_.Function:
        data = self._data
        function = python_function(
            self,
            name,
            bundle=self._bundle,
            handler=handler,
            description=description,
            memory_mib=1769,  # the smallest size with one whole processor
            timeout=timeout,
            ephemeral_storage=Size.gibibytes(4),  # a large file, decompressed, or its whole answer
            environment=data.settings()
            | {
                Variable.LARGE_OBJECT_BYTES: str(self._options.large_object_bytes),
                Variable.PREDICTIONS_QUEUE_URL: self._predictions.queue_url,
                Variable.SCORES_BUCKET: data.scores.bucket_name,
            },
        )
        grant_find_objects(function, data.landing, SCORING)
        grant_find_objects(function, data.artifacts, ArtifactPrefix.PARTS)
        grant_write_objects(function, data.artifacts, ArtifactPrefix.PARTS)
        grant_write_objects(function, data.scores, SCORING)
        grant_items(function, data.registry, "GetItem")
        grant_on_serving(function, self._options.stage, "lambda:InvokeFunction")
        grant(function, "sqs:SendMessage", on=[self._predictions.queue_arn])
        return function
