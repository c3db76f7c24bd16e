"""How many rows of each day have a label by now, and how late labels come."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from evertrain.domain.landing.feeds import label_feed, own_group_feed, prediction_feed, prediction_label_feed
from evertrain.domain.landing.predictions import PREDICTION_ID
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.store.labels import LabelProgress
from evertrain.ports.clock import Clock
from evertrain.ports.feature_store import LabelProgressLog, LabelProgressReader

LOOKBACK = timedelta(days=90)
QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, kw_only=True)
class MeasureLabelProgress:
    tables: LabelProgressReader
    log: LabelProgressLog
    clock: Clock

    def run(self, spec: ModelSpec) -> LabelProgress | None:
        """Measured and remembered; None before there are rows."""
        progress = measure_label_progress(self.tables, spec, now=self.clock.now())
        if progress is not None:
            self.log.put_progress(spec.name, progress)
        return progress


def measure_label_progress(tables: LabelProgressReader, spec: ModelSpec, *, now: datetime) -> LabelProgress | None:
    """Of the endpoint's answers, if labels of them come, else of the group's rows. None before there are any."""
    pairs = [(own_group_feed(spec), label_feed(spec), spec.group.entity_key)]
    if spec.label.of_predictions:
        pairs.insert(0, (prediction_feed(spec), prediction_label_feed(spec), PREDICTION_ID))
    measured = (
        tables.measure(
            rows,
            labels,
            key=key,
            label=spec.label.name,
            since=now - LOOKBACK,
            matured_before=now - spec.label.latency,
            now=now,
            quantiles=QUANTILES,
        )
        for rows, labels, key in pairs
    )
    return next((progress for progress in measured if progress is not None), None)
