"""Evertrain: the drift of a window, from the stored sketches of 24 batches to the verdict. No rows are read."""

from pathlib import Path
from typing import Any

from timing import report

from evertrain.adapters.monitoring.undeclared_tables import tabular_file
from evertrain.domain.project.policies import DriftPolicy
from evertrain.statistics.reference import build_reference
from evertrain.statistics.sketch import Sketch, merge
from evertrain.statistics.verdict import judge

BATCHES = 24


def prepare(before: str, after: str) -> Any:
    file = tabular_file(Path(before))
    features = file.features(like=file).columns
    reference = build_reference({feature.name: file.column(feature) for feature in features}, features)
    (whole,) = tabular_file(Path(after)).parts(features)
    rows = len(next(iter(whole.values()))) // BATCHES
    parts = [
        {name: column[slice(index * rows, (index + 1) * rows)] for name, column in whole.items()}
        for index in range(BATCHES)
    ]
    return reference, [Sketch.from_bytes(reference.sketch(part).to_bytes()) for part in parts]


def work(prepared: Any) -> Any:
    reference, sketches = prepared
    return judge(reference, merge(sketches), policy=DriftPolicy())


report(prepare, work)
