"""CloudWatch metrics in the embedded metric format (EMF): log lines that CloudWatch reads as metrics.

They need no call and no permission, and cannot be lost. One line for each model and batch, and one for each feature.
"""

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from evertrain.domain.landing.batches import FeedKind
from evertrain.domain.monitoring.decline import find_decline, newest_days
from evertrain.domain.monitoring.drift import DriftStatus, DriftVerdict, FeatureDrift
from evertrain.domain.monitoring.estimates import Estimate
from evertrain.domain.monitoring.performance import Performance, merge_days, realised_metric
from evertrain.domain.project.metric import ModelMetric
from evertrain.domain.project.model import LabelSpec
from evertrain.domain.store.labels import LabelProgress

NAMESPACE = "Evertrain"
HOUR = timedelta(hours=1)

MODEL_DIMENSIONS = ("Stage", "Model")
BATCH_DIMENSIONS = (*MODEL_DIMENSIONS, "Source")
FEATURE_DIMENSIONS = (*BATCH_DIMENSIONS, "Feature")

REALISED_METRIC, PROMISED_METRIC, ESTIMATED_METRIC = "RealisedMetric", "PromisedMetric", "EstimatedMetric"
"""The champion's declared metric on days with labels, at the gate, and on days that have none yet."""

DECLINED = "Declined"
"""Whether it has become worse."""

NOT_COMPARED = "NotCompared"
"""Batches, and days of requests, that a model's champion could not be compared with."""

PREDICTIONS_NOT_KEPT = "PredictionsNotKept"
"""Rows that were answered, but are missing from what the monitor looks at and labels refer to."""

LABEL_WATERMARK_AGE = "LabelWatermarkAge"
"""Hours since the event time that labels are complete to."""


def drift_metric_lines(verdict: DriftVerdict, *, stage: str, source: FeedKind) -> Iterator[str]:
    """`source`: whether a batch of features was judged, or a day of predictions.

    At the time of the check: CloudWatch takes nothing that is older than two weeks.
    """
    milliseconds = int(verdict.checked_at.timestamp() * 1000)
    if verdict.trouble:
        yield _emf_line(milliseconds, MODEL_DIMENSIONS, {"Stage": stage, "Model": verdict.model}, {NOT_COMPARED: 1})
    if verdict.status in (DriftStatus.NO_REFERENCE, DriftStatus.TOO_FEW_ROWS):
        return
    dimensions = {"Stage": stage, "Model": verdict.model, "Source": source.value}
    batch = {
        "Rows": verdict.rows,
        "Drifted": int(verdict.status is DriftStatus.DRIFTED),
        "DriftedFeatures": len(verdict.drifted_features),
        "DriftedRelations": len(verdict.drifted_relations),
        "DriftedSlices": len(verdict.drifted_slices),
    }
    yield _emf_line(milliseconds, BATCH_DIMENSIONS, dimensions, batch)
    for feature in verdict.features:
        yield _emf_line(
            milliseconds, FEATURE_DIMENSIONS, dimensions | {"Feature": feature.feature}, _feature_metrics(feature)
        )


def label_metric_line(
    progress: LabelProgress, *, complete_to: datetime | None, label: LabelSpec, model: str, stage: str
) -> str:
    """How complete and how late a model's labels are. Ages in hours: `complete_to` is the watermark."""
    matured_to = progress.measured_at - label.latency
    values = {"UnmatchedLabels": float(progress.unmatched), "PrematureLabels": float(progress.premature)}
    coverage = progress.coverage(before=matured_to)
    if coverage is not None:
        values["LabelCoverage"] = coverage
    if complete_to is not None:
        values[LABEL_WATERMARK_AGE] = (progress.measured_at - complete_to) / HOUR
    values |= {f"LabelLatencyP{100 * each:g}": late / HOUR for each, late in progress.latency}
    milliseconds = int(progress.measured_at.timestamp() * 1000)
    return _emf_line(milliseconds, MODEL_DIMENSIONS, {"Stage": stage, "Model": model}, values)


def performance_metric_line(
    performance: Performance, metric: ModelMetric, *, estimated: Estimate | None, stage: str, now: datetime
) -> str:
    """The champion on the newest matured days that have enough rows, beside what the gate saw. `metric`: the model's.
    `estimated`: of the days that have no labels yet. `Declined` is 1 while it is worse than promised, beyond
    chance."""
    decline = find_decline(performance, metric)
    values = {DECLINED: float(decline is not None)}
    for name, days in ((REALISED_METRIC, newest_days(performance)), (PROMISED_METRIC, performance.promised)):
        found = realised_metric(metric, merge_days(days, with_groups=False)) if days else None
        if found is not None:
            values[name] = found.value
    if estimated is not None:
        values[ESTIMATED_METRIC] = estimated.value
    milliseconds = int(now.timestamp() * 1000)
    return _emf_line(milliseconds, MODEL_DIMENSIONS, {"Stage": stage, "Model": performance.model}, values)


def count_metric_line(name: str, count: int, *, model: str, stage: str) -> str:
    """Something that happened now, so many times."""
    return _emf_line(int(time.time() * 1000), MODEL_DIMENSIONS, {"Stage": stage, "Model": model}, {name: count})


def _feature_metrics(feature: FeatureDrift) -> dict[str, float]:
    values = {"PSI": feature.psi, "MissingShare": feature.missing_share, "Drifted": float(feature.drifted)}
    if feature.wasserstein_normalised is not None:
        values["WassersteinNormalised"] = feature.wasserstein_normalised
    return values


def _emf_line(
    milliseconds: int, names: tuple[str, ...], dimensions: dict[str, str], values: dict[str, float] | dict[str, int]
) -> str:
    metadata: dict[str, Any] = {
        "Timestamp": milliseconds,
        "CloudWatchMetrics": [
            {"Namespace": NAMESPACE, "Dimensions": [list(names)], "Metrics": [{"Name": name} for name in values]}
        ],
    }
    return json.dumps({"_aws": metadata} | dimensions | values, allow_nan=False)
