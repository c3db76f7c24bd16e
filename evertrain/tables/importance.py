"""How much a model's metric suffers when one feature's values are shuffled among the rows: whatever it is made of."""

from dataclasses import replace

import numpy as np

from evertrain.scoring import ServableModel
from evertrain.statistics.metrics import Judging, metric_value
from evertrain.tables.labelled_rows import LabelledRows

MAX_ROWS = 2_000
"""Evenly chosen: a loss that so many rows don't show is small."""


def permutation_importance(
    rows: LabelledRows, model: ServableModel, *, metric: Judging, rng: np.random.Generator
) -> dict[str, float]:
    """By feature of the model, what shuffling it costs, as a share of what the most costly one does: 0 to 1.

    Empty where the metric is not defined on these rows, or none costs anything. Of features that say the same, each
    may cost little by itself. Source: Breiman, Machine Learning 45, 2001.
    """
    rows = rows.take_every(max(1, len(rows) // MAX_ROWS))
    sign = 1.0 if metric.higher_is_better else -1.0
    whole = metric_value(metric, rows.truth, rows.predict_with(model), rows.weights)
    costs = {}
    for name in model.feature_names:
        column = rows.table[name].take(rng.permutation(len(rows)))
        shuffled = replace(rows, table=rows.table.set_column(rows.table.column_names.index(name), name, column))
        worse = metric_value(metric, rows.truth, shuffled.predict_with(model), rows.weights)
        costs[name] = sign * (whole - worse)
    highest = max(costs.values(), default=0.0)
    if not highest > 0:  # also refuses a NaN
        return {}
    return {name: max(0.0, cost) / highest for name, cost in costs.items()}
