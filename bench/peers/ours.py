"""Evertrain: the reference is there, as in the monitor; the batch is read from its file, sketched and judged."""

from pathlib import Path
from typing import Any

from timing import report

from evertrain.adapters.monitoring.undeclared_tables import tabular_file
from evertrain.domain.project.policies import DriftPolicy
from evertrain.statistics.reference import build_reference
from evertrain.statistics.sketch import merge
from evertrain.statistics.verdict import judge


def prepare(before: str, after: str) -> Any:
    file = tabular_file(Path(before))
    features = file.features(like=file).columns
    return build_reference({feature.name: file.column(feature) for feature in features}, features), features, after


def work(prepared: Any) -> Any:
    reference, features, after = prepared
    sketch = merge([reference.sketch(part) for part in tabular_file(Path(after)).parts(features)])
    return judge(reference, sketch, policy=DriftPolicy())


report(prepare, work)
