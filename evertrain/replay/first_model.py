"""What a first model takes of a history, and whether it is there."""

import numpy as np

from evertrain.domain.project.duration import format_duration
from evertrain.replay.history import History


def why_too_short(history: History) -> str:
    """In words; empty where it is not."""
    training, rows = history.spec.training, int((~np.isnan(history.truth)).sum())
    length, needed = history.steps[-1].now - history.steps[0].start, training.shortest_history
    needed += history.spec.label.latency
    if rows >= training.minimum_rows and length > needed:
        return ""
    return (
        f"a first model takes {training.minimum_rows:,} or more labelled rows, of more than "
        f"{format_duration(needed)}; here are {rows:,}, of {format_duration(length)}"
    )
