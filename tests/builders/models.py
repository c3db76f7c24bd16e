"""Model specs, champions, verdicts and the loop's state."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from evertrain.domain.deciding.decisions import Reason
from evertrain.domain.deciding.loop_state import LoopState
from evertrain.domain.events import EventName
from evertrain.domain.landing.batches import Fault, FaultStanding, TableState
from evertrain.domain.monitoring.drift import DriftStatus, DriftVerdict, FeatureDrift
from evertrain.domain.project.feature_group import Column, FeatureGroup, FeatureKind
from evertrain.domain.project.metric import Metric, Task
from evertrain.domain.project.model import LabelSpec, ModelSpec
from evertrain.domain.project.policies import GatePolicy, TrainingPolicy, TriggerPolicy
from evertrain.domain.release.registry import Champion
from evertrain.domain.store.labels import LabelTables
from evertrain.domain.training.outcomes import Outcome

NOW = datetime(2013, 4, 1, tzinfo=UTC)
"""The present of most tests."""


def days(count: float) -> timedelta:
    return timedelta(days=count)


def a_group() -> FeatureGroup:
    return FeatureGroup(
        name="trips",
        entity_key="trip_id",
        event_time="departed_at",
        columns=(
            Column(name="distance", kind=FeatureKind.NUMERIC, minimum=0),
            Column(name="wind", kind=FeatureKind.NUMERIC, nullable=True),
            Column(name="carrier", kind=FeatureKind.CATEGORICAL),
            Column(name="holiday", kind=FeatureKind.BOOLEAN),
        ),
    )


def a_model(
    name: str = "trips", *, triggers: TriggerPolicy | None = None, gate: GatePolicy | None = None
) -> ModelSpec:
    group = a_group()
    return ModelSpec(
        name=name,
        title="Will a trip be late?",
        task=Task.CLASSIFICATION,
        metric=Metric.ROC_AUC_SCORE,
        group=group,
        feature_names=tuple(column.name for column in group.columns),
        label=LabelSpec(name="late", latency=days(3)),
        triggers=triggers or TriggerPolicy(every=days(28), cooldown=days(7), labels_overdue_after=days(14)),
        training=TrainingPolicy(
            windows=(days(14), days(28)), validation=days(5), gate=days(7), embargo=days(3), minimum_rows=1_000
        ),
        gate=gate or GatePolicy(margin=0.01, floor=0.55),
    )


LATENESS = ("on time", "late", "very late")


def a_model_of_classes(classes: Sequence[str] = LATENESS, *, metric: Metric = Metric.LOG_LOSS) -> ModelSpec:
    spec = a_model()
    return replace(spec, metric=metric, label=replace(spec.label, classes=tuple(classes)))


def a_champion(*, version: str = "v1", since: datetime = NOW - days(20)) -> Champion:
    return Champion(
        model="trips",
        version=version,
        since=since,
        artifact_uri="s3://artifacts/models/trips/1.json.gz",
        artifact_sha256="1" * 64,
        reference_uri="s3://artifacts/references/trips/1.json.gz",
        function_version="3",
        trained_until=since - days(15),
    )


def a_feature_drift(feature: str = "wind", *, drifted: bool = True) -> FeatureDrift:
    return FeatureDrift(
        feature=feature,
        psi=0.4 if drifted else 0.01,
        kl=0.4,
        js=0.1,
        ks=0.3,
        wasserstein=1.0,
        wasserstein_normalised=0.5,
        wasserstein_limit=0.4,
        missing_share=0.0,
        missing_share_reference=0.0,
        unseen_share=0.0,
        out_of_range_share=0.0,
        threshold=0.2,
        p_value=0.0 if drifted else 0.5,
        drifted=drifted,
        sentence=f"{feature}: PSI 0.40 against 0.20 allowed",
    )


def a_verdict(
    *, days_ago: float, status: DriftStatus = DriftStatus.STABLE, reference_version: str = "v1"
) -> DriftVerdict:
    start = NOW - days(days_ago)
    drifted = status is DriftStatus.DRIFTED
    return DriftVerdict(
        model="trips",
        batch_id=f"batch-{days_ago:g}",
        reference_version=reference_version,
        status=status,
        rows=900,
        event_time_min=start,
        event_time_max=start + days(0.9),
        checked_at=start + days(1),
        group="trips",
        features=(a_feature_drift(drifted=drifted),),
    )


A_DOUBT = Fault(
    code="partly_missing", column="wind", message="wind: half is missing", standing=FaultStanding.DOUBTFUL
)


def verdicts(pattern: str, *, newest_days_ago: float = 1) -> tuple[DriftVerdict, ...]:
    """`D` drifted, `.` stable, `0` too few rows, `?` no reference, `x` doubtful; newest first, a day apart."""
    status = {
        "D": DriftStatus.DRIFTED,
        "x": DriftStatus.DRIFTED,
        ".": DriftStatus.STABLE,
        "0": DriftStatus.TOO_FEW_ROWS,
        "?": DriftStatus.NO_REFERENCE,
    }
    found = (a_verdict(days_ago=newest_days_ago + i, status=status[mark]) for i, mark in enumerate(pattern))
    return tuple(
        replace(verdict, faults=(A_DOUBT,)) if mark == "x" else verdict
        for verdict, mark in zip(found, pattern, strict=True)
    )


def labels_table(*, rows: int = 50_000, newest_days_ago: float = 3, last_landed_days_ago: float = 0) -> TableState:
    return TableState(
        version=12,
        rows=rows,
        event_time_min=NOW - days(365),
        event_time_max=NOW - days(newest_days_ago),
        ingested_at_max=NOW - days(last_landed_days_ago),
    )


def label_tables(**changes: float) -> LabelTables:
    return LabelTables(row_labels=labels_table(**changes))  # type: ignore[arg-type]  # rows is the one whole number


def an_outcome(name: EventName, *, days_ago: float = 1) -> Outcome:
    return Outcome(
        decision_id=f"d-{days_ago:g}", model="trips", name=name, ended_at=NOW - days(days_ago), sentence="as it went"
    )


def a_state(
    *,
    champion: Champion | None = None,
    verdicts: Sequence[DriftVerdict] = (),
    requests: Sequence[DriftVerdict] = (),
    labels: LabelTables | None = None,
    outcomes: Sequence[Outcome] = (),
    escalated_for: frozenset[Reason] = frozenset(),
    **changes: object,
) -> LoopState:
    """A loop with a year of labelled rows, a champion, and nothing that asks for a retraining."""
    state = LoopState(
        champion=champion or a_champion(),
        verdicts=verdicts,
        request_verdicts=requests,
        labels=labels or label_tables(),
        label_progress=None,
        rows=50_000,
        oldest_event_time=NOW - days(365),
        newest_event_times={"trips": NOW - days(1)},
        retraining_running=False,
        retrained_at=(NOW - days(20),),
        outcomes=outcomes,
        consecutive_quarantines=0,
        escalated_for=escalated_for,
    )
    return replace(state, **changes)  # type: ignore[arg-type]  # the tests name fields of LoopState
