"""Evidently: the drift preset alone."""

from typing import Any

from evidently import Report
from evidently.presets import DataDriftPreset
from evidently_presets import prepare
from timing import report


def work(prepared: Any) -> Any:
    before, after = prepared
    return Report([DataDriftPreset()]).run(after, before).dict()


report(prepare, work)
