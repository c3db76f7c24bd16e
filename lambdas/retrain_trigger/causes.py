"""Which models an event makes us look at. The event's content is used for names only; the policy reads the state."""

from collections.abc import Iterator, Mapping
from typing import Any

from evertrain.adapters.aws.sqs_events import InvalidEvent, required_text
from evertrain.domain.events import EventName, Tick
from evertrain.domain.landing.batches import FeedKind
from evertrain.domain.project.model import Project
from evertrain.use_cases.deciding.decide_retraining import Cause


def causes_of(envelope: Mapping[str, Any], project: Project) -> Iterator[Cause]:
    """Raises InvalidEvent. Models that are gone from the project are passed over: their events may outlive them."""
    for cause in _causes(required_text(envelope, "detail-type"), envelope.get("detail"), project):
        if cause.model in project.models:
            yield cause


def _causes(name: str, detail: object, project: Project) -> Iterator[Cause]:
    match name:
        case EventName.FEATURE_DRIFT_DETECTED | EventName.REQUEST_DRIFT_DETECTED:
            yield Cause(model=required_text(detail, "model"), name=f"drift:{required_text(detail, 'batch_id')}")
        case EventName.FEATURE_BATCH_QUARANTINED | EventName.LABEL_BATCH_QUARANTINED:
            for model in _models_fed_by(required_text(detail, "feed"), project):
                yield Cause(model=model, name=f"quarantine:{required_text(detail, 'batch_id')}")
        case EventName.LABELS_COMMITTED:
            pass  # of a release before they were measured first: PerformanceMeasured follows
        case EventName.PERFORMANCE_MEASURED:
            yield Cause(model=required_text(detail, "model"), name=f"labels:{required_text(detail, 'batch_id')}")
        case EventName.RETRAIN_ASKED:
            yield Cause(
                model=required_text(detail, "model"),
                name=f"asked:{required_text(detail, 'request_id')}",
                requested_by=required_text(detail, "reason"),
            )
        case Tick.DECIDE:
            for model in sorted(project.models):
                yield Cause(model=model, name=f"tick:{required_text(detail, 'scheduled_time')}")
        case _:
            raise InvalidEvent(f"detail-type {name!r} is not one that asks for a decision")


def _models_fed_by(feed: str, project: Project) -> tuple[str, ...]:
    """No model for a feed that nobody declared: such objects are quarantined without anyone to retrain."""
    kind, _, name = feed.partition("/")
    if kind in (FeedKind.LABELS, FeedKind.PREDICTION_LABELS):
        return (name,)
    return tuple(model.name for model in project.models_using(name))
