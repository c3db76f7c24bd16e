"""Environment variables: what the CDK app, or a rollout, tells a function or a container."""

from enum import StrEnum


class Variable(StrEnum):
    # Of every deployable.
    STAGE = "EVERTRAIN_STAGE"
    CLOCK = "EVERTRAIN_CLOCK"
    LANDING_BUCKET = "LANDING_BUCKET"
    FEATURE_STORE_BUCKET = "FEATURE_STORE_BUCKET"
    ARTIFACT_BUCKET = "ARTIFACT_BUCKET"
    QUARANTINE_BUCKET = "QUARANTINE_BUCKET"
    BATCHES_TABLE = "BATCHES_TABLE"
    DECISIONS_TABLE = "DECISIONS_TABLE"
    REGISTRY_TABLE = "REGISTRY_TABLE"
    EVENT_BUS_NAME = "EVENT_BUS_NAME"
    ESCALATION_TOPIC_ARN = "ESCALATION_TOPIC_ARN"
    SERVING_FUNCTION_PREFIX = "SERVING_FUNCTION_PREFIX"

    # Of the monitor, and of who answers files.
    LARGE_OBJECT_BYTES = "LARGE_OBJECT_BYTES"
    LARGE_BATCHES_ARN = "LARGE_BATCHES_ARN"
    SCORING_ARN = "SCORING_ARN"
    SCORES_BUCKET = "SCORES_BUCKET"

    # Of the endpoint: from the CDK app, ...
    MODEL_NAME = "MODEL_NAME"
    KNOWN_MODELS = "KNOWN_MODELS"
    LOG_SHARE = "LOG_SHARE"
    EXPLORE_SHARE = "EXPLORE_SHARE"
    PREDICTIONS_QUEUE_URL = "PREDICTIONS_QUEUE_URL"
    LABELS_QUEUE_URL = "LABELS_QUEUE_URL"
    # ... and, in a published version, from the rollout.
    MODEL_VERSION = "MODEL_VERSION"
    MODEL_URI = "MODEL_URI"
    MODEL_SHA256 = "MODEL_SHA256"

    # ... and, of every function, from Lambda.
    FUNCTION_VERSION = "AWS_LAMBDA_FUNCTION_VERSION"

    # Of the rollout.
    BAKE_SECONDS = "BAKE_SECONDS"

    # Of the mirror; the first by MLflow's own name.
    MLFLOW_TRACKING_URI = "MLFLOW_TRACKING_URI"
    MLFLOW_SECRET_ARN = "MLFLOW_SECRET_ARN"  # noqa: S105  # where it is, not what

    # Of the training container, from the state machine.
    JOB = "EVERTRAIN_JOB"
    PLAN_URI = "PLAN_URI"
    CANDIDATE = "CANDIDATE"
    ROUND = "ROUND"


PINNED_VARIABLES = (Variable.MODEL_VERSION, Variable.MODEL_URI, Variable.MODEL_SHA256)
"""What a published version of a serving function carries, and `$LATEST` only while one is being published."""
