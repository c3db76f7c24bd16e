"""What the detail of each event holds, field by field: who publishes one is checked by type, and docs/events.md is
made of this. Names and URIs, never data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypedDict

from evertrain.domain.events import EventName


@dataclass(frozen=True, slots=True)
class Field:
    """`means`: of the field, in half a sentence. `example`: as JSON holds it."""

    means: str
    example: object


Model = Annotated[str, Field("the model's name", "flights")]
FeedName = Annotated[str, Field("the feed, as the prefix of its objects", "features/flights")]
BatchId = Annotated[
    str, Field("the batch's id: made from what landed, the same at a repeat", "1f0c9a7e52d34b18a04e6c1d95b7f236")
]
Rows = Annotated[int, Field("rows of the batch", 812)]
Oldest = Annotated[str, Field("event time of its oldest row, ISO 8601, UTC", "2013-04-10T05:00:00+00:00")]
Newest = Annotated[str, Field("event time of its newest row", "2013-04-10T23:59:00+00:00")]
DecisionId = Annotated[str, Field("the decision's id: `evertrain explain MODEL DECISION`", "6a1f4be07c2d9e35")]


class BatchAccepted(TypedDict):
    """A landed batch is good: its rows go into the feature store."""

    feed: FeedName
    batch_id: BatchId
    rows: Rows
    event_time_min: Oldest
    event_time_max: Newest


class BatchChecked(TypedDict):
    """A batch, or a day of requests, has been compared with a champion's reference."""

    model: Model
    feed: FeedName
    batch_id: BatchId
    status: Annotated[str, Field("`stable`, `drifted`, `no_reference` or `too_few_rows`", "drifted")]
    trouble: Annotated[str, Field("why the champion's reference could not be used, or empty", "")]
    reference_version: Annotated[
        str, Field("the version whose training rows it was compared with", "20130309-0000-6c1e2ab4")
    ]
    drifted_features: Annotated[list[str], Field("by importance", ["temperature"])]
    drifted_relations: Annotated[list[str], Field("features that no longer go together as they did", [])]
    drifted_slices: Annotated[list[str], Field("declared groups of rows that drifted", [])]
    psi_max: Annotated[float, Field("the largest PSI of a feature, in nats", 0.31)]
    event_time_min: Oldest


class FaultFound(TypedDict):
    """One of the reasons for a quarantine."""

    code: str
    column: str
    message: str


class BatchQuarantined(TypedDict):
    """A landed object was set aside; nothing else changes."""

    feed: Annotated[str, Field("the feed; empty for an object outside all of them", "features/flights")]
    batch_id: BatchId
    source_key: Annotated[str, Field("where it had landed", "features/flights/2013-04-11.parquet")]
    object_uri: Annotated[
        str, Field("the copy that is kept", "s3://quarantine/features/flights/2013-04-11.parquet/1f0c…/object")
    ]
    faults: Annotated[
        list[FaultFound],
        Field(
            "what is wrong, each with `code`, `column` (or empty) and a sentence; never what a row holds",
            [
                {
                    "code": "null",
                    "column": "carrier",
                    "message": "carrier: 3 of 812 rows have none; row 17 is the first",
                }
            ],
        ),
    ]


class BatchCommitted(TypedDict):
    """A batch's rows are in the feature store."""

    feed: FeedName
    batch_id: BatchId
    table_version: Annotated[int, Field("of its Delta table, the first with these rows", 101)]
    rows: Rows


class PerformanceMeasured(TypedDict):
    """Labels of a batch have been compared with what was predicted, also where there was nothing to measure: labels
    ask for a decision by it."""

    model: Model
    batch_id: BatchId


class RetrainAsked(TypedDict):
    """A person asks for a retraining: `evertrain retrain`."""

    model: Model
    reason: Annotated[str, Field("the person's own words", "new planes")]
    request_id: Annotated[str, Field("one for each request", "0d6c3f5a9b814e7fa2c4d5e6f7081923")]


class Decided(TypedDict):
    """A decision was taken. With nothing to do there is no event."""

    model: Model
    decision_id: DecisionId
    reason: Annotated[str, Field("a word of `evertrain/domain/deciding/decisions.py`", "performance_fell")]
    sentence: Annotated[str, Field("why, for people", "predictions became worse: …")]


class RetrainingEnded(TypedDict):
    """A retraining has ended: of each retraining exactly one of these."""

    model: Model
    decision_id: DecisionId
    version: Annotated[str, Field("the version that came of it, or empty", "20130411-0000-93ab01fc")]
    sentence: Annotated[str, Field("the gate's words, or what failed", "better: roc_auc_score differs by +0.0320 …")]


Detail = (
    BatchAccepted
    | BatchChecked
    | BatchQuarantined
    | BatchCommitted
    | PerformanceMeasured
    | RetrainAsked
    | Decided
    | RetrainingEnded
)

DETAILS: Mapping[EventName, type] = {
    EventName.FEATURE_BATCH_ACCEPTED: BatchAccepted,
    EventName.LABEL_BATCH_ACCEPTED: BatchAccepted,
    EventName.PREDICTION_BATCH_ACCEPTED: BatchAccepted,
    EventName.FEATURE_BATCH_CHECKED: BatchChecked,
    EventName.FEATURE_DRIFT_DETECTED: BatchChecked,
    EventName.REQUESTS_CHECKED: BatchChecked,
    EventName.REQUEST_DRIFT_DETECTED: BatchChecked,
    EventName.FEATURE_BATCH_QUARANTINED: BatchQuarantined,
    EventName.LABEL_BATCH_QUARANTINED: BatchQuarantined,
    EventName.PREDICTION_BATCH_QUARANTINED: BatchQuarantined,
    EventName.FEATURES_COMMITTED: BatchCommitted,
    EventName.LABELS_COMMITTED: BatchCommitted,
    EventName.PREDICTIONS_COMMITTED: BatchCommitted,
    EventName.PERFORMANCE_MEASURED: PerformanceMeasured,
    EventName.RETRAIN_ASKED: RetrainAsked,
    EventName.RETRAIN_REQUESTED: Decided,
    EventName.RETRAIN_HELD: Decided,
    EventName.HUMAN_CALLED: Decided,
    EventName.MODEL_PROMOTED: RetrainingEnded,
    EventName.CONTENDER_REJECTED: RetrainingEnded,
    EventName.CONTENDER_HELD: RetrainingEnded,
    EventName.RETRAIN_POSTPONED: RetrainingEnded,
    EventName.RETRAIN_FAILED: RetrainingEnded,
    EventName.ROLLED_BACK: RetrainingEnded,
}
