"""Evidently: the drift preset and the summary preset, as its guide shows."""

from typing import Any

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset, DataSummaryPreset
from timing import report


def prepare(before: str, after: str) -> Any:
    frames = [pd.read_parquet(path) for path in (before, after)]
    texts = [name for name in frames[0] if frames[0][name].dtype == object]
    definition = DataDefinition(
        numerical_columns=[name for name in frames[0] if name not in texts], categorical_columns=texts
    )
    return [Dataset.from_pandas(frame, data_definition=definition) for frame in frames]


def work(prepared: Any) -> Any:
    before, after = prepared
    return Report([DataDriftPreset(), DataSummaryPreset()]).run(after, before).dict()


if __name__ == "__main__":
    report(prepare, work)
