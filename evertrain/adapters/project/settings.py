"""A deployable's settings, from its environment variables. Each is read only when it is asked for."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from evertrain.domain.deployment.variables import Variable
from evertrain.domain.errors import EvertrainError


class MissingSetting(EvertrainError):
    """An environment variable that this deployable needs is not set."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Names of the deployed resources.

    >>> Settings({"LANDING_BUCKET": "landing-1"}).landing_bucket
    'landing-1'
    >>> Settings({}).landing_bucket  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    evertrain...MissingSetting: LANDING_BUCKET is not set; the CDK app sets it on each function
    """

    environment: Mapping[str, str]

    @classmethod
    def from_environment(cls) -> "Settings":
        return cls(os.environ)

    def _get(self, name: Variable) -> str:
        value = self.environment.get(name)
        if not value:
            raise MissingSetting(f"{name} is not set; the CDK app sets it on each function")
        return value

    @property
    def stage(self) -> str:
        return self.environment.get(Variable.STAGE, "dev")

    @property
    def clock(self) -> str:
        """`system`, or `replay` where the present is replayed history."""
        return self.environment.get(Variable.CLOCK, "system")

    @property
    def landing_bucket(self) -> str:
        return self._get(Variable.LANDING_BUCKET)

    @property
    def feature_store_bucket(self) -> str:
        return self._get(Variable.FEATURE_STORE_BUCKET)

    @property
    def artifact_bucket(self) -> str:
        return self._get(Variable.ARTIFACT_BUCKET)

    @property
    def quarantine_bucket(self) -> str:
        return self._get(Variable.QUARANTINE_BUCKET)

    @property
    def batches_table(self) -> str:
        return self._get(Variable.BATCHES_TABLE)

    @property
    def decisions_table(self) -> str:
        return self._get(Variable.DECISIONS_TABLE)

    @property
    def registry_table(self) -> str:
        return self._get(Variable.REGISTRY_TABLE)

    @property
    def event_bus_name(self) -> str:
        return self._get(Variable.EVENT_BUS_NAME)

    @property
    def escalation_topic_arn(self) -> str:
        return self._get(Variable.ESCALATION_TOPIC_ARN)

    @property
    def large_object_bytes(self) -> int:
        """What is larger is checked in parts."""
        return int(self._get(Variable.LARGE_OBJECT_BYTES))

    @property
    def large_batches_arn(self) -> str:
        return self._get(Variable.LARGE_BATCHES_ARN)

    @property
    def scoring_arn(self) -> str:
        """Of the state machine that answers a file in parts."""
        return self._get(Variable.SCORING_ARN)

    @property
    def scores_bucket(self) -> str:
        return self._get(Variable.SCORES_BUCKET)

    @property
    def serving_function_prefix(self) -> str:
        return self._get(Variable.SERVING_FUNCTION_PREFIX)

    @property
    def mlflow_url(self) -> str:
        return self._get(Variable.MLFLOW_TRACKING_URI)

    @property
    def mlflow_secret_arn(self) -> str:
        """Empty where the server asks for no credentials."""
        return self.environment.get(Variable.MLFLOW_SECRET_ARN, "")

    @property
    def labels_queue_url(self) -> str:
        return self._get(Variable.LABELS_QUEUE_URL)

    @property
    def predictions_queue_url(self) -> str:
        return self._get(Variable.PREDICTIONS_QUEUE_URL)

    @property
    def log_share(self) -> float:
        """Of the requests to the endpoint, the share that is kept."""
        return float(self._get(Variable.LOG_SHARE))

    @property
    def explore_share(self) -> float:
        """Of the endpoint's predictions, the share that is flagged to be explored."""
        return float(self._get(Variable.EXPLORE_SHARE))

    @property
    def known_models(self) -> list[str]:
        return self._get(Variable.KNOWN_MODELS).split(",")

    @property
    def model_name(self) -> str:
        return self._get(Variable.MODEL_NAME)

    @property
    def model_uri(self) -> str | None:
        """The artifact that a function version is pinned to; None of `$LATEST`."""
        return self.environment.get(Variable.MODEL_URI)

    @property
    def model_sha256(self) -> str:
        return self._get(Variable.MODEL_SHA256)

    @property
    def model_version(self) -> str:
        return self._get(Variable.MODEL_VERSION)

    @property
    def function_version(self) -> str:
        """Of the function that runs, as Lambda tells it."""
        return self.environment.get(Variable.FUNCTION_VERSION, "")

    @property
    def bake(self) -> timedelta | None:
        """Of each step of a rollout, in this stage; None where models declare it."""
        seconds = self.environment.get(Variable.BAKE_SECONDS)
        return timedelta(seconds=int(seconds)) if seconds else None
