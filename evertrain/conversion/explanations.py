"""What explanations need besides the steps of a model: means of columns over the training rows."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from evertrain.conversion.rows import rows_of
from evertrain.scoring import FlatModel
from evertrain.scoring.explanations.attribution import NotExplainable, attributions

MAX_ROWS = 10_000
"""As many tell a mean well enough: they are spread evenly over all."""

NO_MEANS: Mapping[str, list[Any]] = {"slots": [], "values": []}
"""Of a model that cannot be explained, or not by means."""


def measured_means(flat: FlatModel, frame: pd.DataFrame) -> Mapping[str, list[Any]]:
    """Of the slots whose means explanations need, as in an artifact's header; none where nothing can be explained."""
    try:
        of_answers = attributions(flat)
        slots = list(dict.fromkeys(column.slot for each in of_answers for column in each.columns))
    except NotExplainable:
        slots = []
    if not slots or frame.empty:
        return NO_MEANS
    columns: list[list[float]] = [[] for _ in slots]
    for row in rows_of(frame.iloc[:: -(-len(frame) // MAX_ROWS)], flat):
        values = flat.slots_of(row)
        for column, slot in zip(columns, slots, strict=True):
            column.append(values[slot])
    means = {slot: math.fsum(column) / len(column) for slot, column in zip(slots, columns, strict=True)}
    finite = {slot: mean for slot, mean in means.items() if math.isfinite(mean)}
    return {"slots": list(finite), "values": list(finite.values())}
