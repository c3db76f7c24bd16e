"""The events on Evertrain's own bus. Details carry names and URIs, never data."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from evertrain.domain.landing.batches import FeedKind

SOURCE = "evertrain"

S3_SOURCE, OBJECT_CREATED = "aws.s3", "Object Created"
"""Source and detail type of the event by which S3 announces a landed object."""


STATES_SOURCE, EXECUTION_ENDED = "aws.states", "Step Functions Execution Status Change"
"""Source and detail type of the event by which Step Functions announces that an execution has ended."""


class EventName(StrEnum):
    """EventBridge detail types."""

    FEATURE_BATCH_ACCEPTED = "FeatureBatchAccepted"
    LABEL_BATCH_ACCEPTED = "LabelBatchAccepted"
    PREDICTION_BATCH_ACCEPTED = "PredictionBatchAccepted"
    FEATURE_BATCH_CHECKED = "FeatureBatchChecked"
    FEATURE_DRIFT_DETECTED = "FeatureDriftDetected"
    REQUESTS_CHECKED = "RequestsChecked"
    REQUEST_DRIFT_DETECTED = "RequestDriftDetected"
    FEATURE_BATCH_QUARANTINED = "FeatureBatchQuarantined"
    LABEL_BATCH_QUARANTINED = "LabelBatchQuarantined"
    PREDICTION_BATCH_QUARANTINED = "PredictionBatchQuarantined"
    FEATURES_COMMITTED = "FeaturesCommitted"
    LABELS_COMMITTED = "LabelsCommitted"
    PREDICTIONS_COMMITTED = "PredictionsCommitted"
    PERFORMANCE_MEASURED = "PerformanceMeasured"
    RETRAIN_ASKED = "RetrainAsked"
    RETRAIN_REQUESTED = "RetrainRequested"
    RETRAIN_HELD = "RetrainHeld"
    HUMAN_CALLED = "HumanCalled"
    MODEL_PROMOTED = "ModelPromoted"
    CONTENDER_REJECTED = "ContenderRejected"
    CONTENDER_HELD = "ContenderHeld"
    RETRAIN_POSTPONED = "RetrainPostponed"
    RETRAIN_FAILED = "RetrainFailed"
    ROLLED_BACK = "RolledBack"


class Tick(StrEnum):
    """Detail types of what EventBridge Scheduler sends."""

    DECIDE = "ScheduledTick"
    MAINTAIN = "MaintenanceTick"
    RECONCILE = "ReconcileTick"
    MIRROR = "MirrorTick"


ACCEPTED_EVENTS = {
    FeedKind.FEATURES: EventName.FEATURE_BATCH_ACCEPTED,
    FeedKind.LABELS: EventName.LABEL_BATCH_ACCEPTED,
    FeedKind.PREDICTIONS: EventName.PREDICTION_BATCH_ACCEPTED,
    FeedKind.PREDICTION_LABELS: EventName.LABEL_BATCH_ACCEPTED,
}
QUARANTINED_EVENTS = {
    FeedKind.FEATURES: EventName.FEATURE_BATCH_QUARANTINED,
    FeedKind.LABELS: EventName.LABEL_BATCH_QUARANTINED,
    FeedKind.PREDICTIONS: EventName.PREDICTION_BATCH_QUARANTINED,
    FeedKind.PREDICTION_LABELS: EventName.LABEL_BATCH_QUARANTINED,
}
COMMITTED_EVENTS = {
    FeedKind.FEATURES: EventName.FEATURES_COMMITTED,
    FeedKind.LABELS: EventName.LABELS_COMMITTED,
    FeedKind.PREDICTIONS: EventName.PREDICTIONS_COMMITTED,
    FeedKind.PREDICTION_LABELS: EventName.LABELS_COMMITTED,
}

OUTCOME_EVENTS = (
    EventName.MODEL_PROMOTED,
    EventName.CONTENDER_REJECTED,
    EventName.CONTENDER_HELD,
    EventName.RETRAIN_POSTPONED,
    EventName.RETRAIN_FAILED,
    EventName.ROLLED_BACK,
)
"""Every way out of a retraining is exactly one of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event, before it has an id and a time."""

    name: EventName
    detail: Mapping[str, object]
