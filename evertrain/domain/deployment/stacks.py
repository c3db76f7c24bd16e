"""The stacks of a stage, and the outputs by which the command line finds their resources."""

from collections.abc import Mapping
from enum import StrEnum


class StackName(StrEnum):
    DATA = "data"
    MONITORING = "monitoring"
    TRAINING = "training"
    SERVING = "serving"
    DASHBOARD = "dashboard"


class Output(StrEnum):
    """Keys of CloudFormation outputs."""

    LANDING_BUCKET = "LandingBucket"
    FEATURE_STORE_BUCKET = "FeatureStoreBucket"
    ARTIFACT_BUCKET = "ArtifactBucket"
    QUARANTINE_BUCKET = "QuarantineBucket"
    SCORES_BUCKET = "ScoresBucket"
    BATCHES_TABLE = "BatchesTable"
    DECISIONS_TABLE = "DecisionsTable"
    REGISTRY_TABLE = "RegistryTable"
    EVENT_BUS_NAME = "EventBusName"
    ESCALATION_TOPIC_ARN = "EscalationTopicArn"

    LANDED_QUEUE_URL = "LandedQueueUrl"
    LANDED_DEAD_QUEUE_URL = "LandedDeadQueueUrl"
    ACCEPTED_QUEUE_URL = "AcceptedQueueUrl"
    ACCEPTED_DEAD_QUEUE_URL = "AcceptedDeadQueueUrl"
    UNDECIDED_QUEUE_URL = "UndecidedQueueUrl"
    UNDECIDED_DEAD_QUEUE_URL = "UndecidedDeadQueueUrl"
    DUE_QUEUE_URL = "DueQueueUrl"
    DUE_DEAD_QUEUE_URL = "DueDeadQueueUrl"
    SCHEDULE_NAME = "ScheduleName"
    LARGE_BATCHES_ARN = "LargeBatchesArn"

    STATE_MACHINE_ARN = "StateMachineArn"
    UNSTARTED_QUEUE_URL = "UnstartedQueueUrl"
    ENDED_QUEUE_URL = "EndedQueueUrl"
    ENDED_DEAD_QUEUE_URL = "EndedDeadQueueUrl"
    LABELLED_QUEUE_URL = "LabelledQueueUrl"
    LABELLED_DEAD_QUEUE_URL = "LabelledDeadQueueUrl"

    MIRRORED_QUEUE_URL = "MirroredQueueUrl"
    MIRRORED_DEAD_QUEUE_URL = "MirroredDeadQueueUrl"

    PREDICTIONS_QUEUE_URL = "PredictionsQueueUrl"
    PREDICTIONS_DEAD_QUEUE_URL = "PredictionsDeadQueueUrl"
    REPORTED_LABELS_QUEUE_URL = "ReportedLabelsQueueUrl"
    REPORTED_LABELS_DEAD_QUEUE_URL = "ReportedLabelsDeadQueueUrl"
    TO_SCORE_QUEUE_URL = "ToScoreQueueUrl"
    TO_SCORE_DEAD_QUEUE_URL = "ToScoreDeadQueueUrl"
    SCORING_ARN = "ScoringArn"
    API_ID = "ApiId"
    API_URL = "ApiUrl"


DEAD_LETTERS: Mapping[str, tuple[Output, Output | None]] = {
    "landed": (Output.LANDED_DEAD_QUEUE_URL, Output.LANDED_QUEUE_URL),
    "accepted": (Output.ACCEPTED_DEAD_QUEUE_URL, Output.ACCEPTED_QUEUE_URL),
    "labelled": (Output.LABELLED_DEAD_QUEUE_URL, Output.LABELLED_QUEUE_URL),
    "undecided": (Output.UNDECIDED_DEAD_QUEUE_URL, Output.UNDECIDED_QUEUE_URL),
    "due": (Output.DUE_DEAD_QUEUE_URL, Output.DUE_QUEUE_URL),
    "unstarted": (Output.UNSTARTED_QUEUE_URL, None),
    "ended": (Output.ENDED_DEAD_QUEUE_URL, Output.ENDED_QUEUE_URL),
    "predictions": (Output.PREDICTIONS_DEAD_QUEUE_URL, Output.PREDICTIONS_QUEUE_URL),
    "reported_labels": (Output.REPORTED_LABELS_DEAD_QUEUE_URL, Output.REPORTED_LABELS_QUEUE_URL),
    "to_score": (Output.TO_SCORE_DEAD_QUEUE_URL, Output.TO_SCORE_QUEUE_URL),
}
"""Where messages wait that could not be worked off, by the name that people use, and the queue that each came from.
None where it was no queue: an event that the state machine did not take."""

OPTIONAL_DEAD_LETTERS: Mapping[str, tuple[Output, Output | None]] = {
    "mirrored": (Output.MIRRORED_DEAD_QUEUE_URL, Output.MIRRORED_QUEUE_URL),
}
"""The same of what only some stages have."""


def stage_prefix(stage: str) -> str:
    """What the names of a stage's resources begin with."""
    return f"evertrain-{stage}"


def stack_name(stage: str, stack: StackName) -> str:
    """
    >>> stack_name("dev", StackName.DATA)
    'evertrain-dev-data'
    """
    return f"{stage_prefix(stage)}-{stack}"


def serving_function_prefix(stage: str) -> str:
    """A model's function has this name with the model's behind it."""
    return f"{stage_prefix(stage)}-serving-"
