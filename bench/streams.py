"""Streams that anybody can make again: by formulas, or by the generators and bundled sets of the package `river`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

FIRST_DAY = pd.Timestamp("2024-01-01", tz="UTC")
BATCHES, ROWS = 160, 100
CHANGE = 80
"""The batch with which a change begins, where there is one."""

Numbers = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Stream:
    """`rows`: with `event_time` and `y`. `latency`: such as `5d`. `batch`: how long one is."""

    name: str
    what: str
    rows: pd.DataFrame
    latency: str = "5d"
    batch: str = "1d"


def all_streams() -> Iterator[Stream]:
    for name, (what, make) in _MADE.items():
        yield Stream(name=name, what=what, rows=make())
    yield Stream(name="late_labels", what="as abrupt, labels 20 days late", rows=_made(_abrupt), latency="20d")
    yield Stream(name="few_rows", what="as abrupt, 12 rows a day, in weeks", rows=_made(_abrupt, rows=12), batch="7d")
    yield Stream(name="sea", what="SEA concepts, three changes (river)", rows=_sea())
    yield Stream(name="hyperplane", what="a hyperplane that turns (river)", rows=_hyperplane())
    yield Stream(name="phishing", what="web sites, in the order of the set (river)", rows=_phishing())


# --- by formulas ----------------------------------------------------------------------------------

Weights = Callable[[int, Groups], Numbers]
"""For a batch and its groups, shape (rows,), the weight of each of the five features: shape (5,) or (rows, 5)."""

_BEFORE, _AFTER = np.array([1.5, -1.0, 0.5, 0.0, 0.0]), np.array([-1.2, 1.0, 0.5, 1.2, 0.0])


def _steady(batch: int, group: Groups) -> Numbers:  # noqa: ARG001
    return _BEFORE


def _abrupt(batch: int, group: Groups) -> Numbers:  # noqa: ARG001
    return _BEFORE if batch < CHANGE else _AFTER


def _gradual(batch: int, group: Groups) -> Numbers:  # noqa: ARG001
    share = min(1.0, max(0.0, (batch - 50) / 60))
    return (1 - share) * _BEFORE + share * _AFTER


def _recurring(batch: int, group: Groups) -> Numbers:  # noqa: ARG001
    return _BEFORE if batch // 40 % 2 == 0 else _AFTER


def _one_group(batch: int, group: Groups) -> Numbers:
    return np.where((group == 2)[:, None] & (batch >= CHANGE), -_BEFORE, _BEFORE)


def _made(
    weights: Weights,
    *,
    rows: int = ROWS,
    moves: Callable[[int], float] = lambda _: 0.0,
    broken: frozenset[int] = frozenset(),
    seed: int = 0,
) -> pd.DataFrame:
    """`moves`: by how much the last feature lies higher. `broken`: batches whose first feature is missing."""
    rng = np.random.default_rng(seed)
    parts = []
    for batch in range(BATCHES if rows == ROWS else 7 * BATCHES):
        of = batch if rows == ROWS else batch // 7
        x: Numbers = rng.normal(size=(rows, 5))
        x[:, 4] += moves(of)
        group = rng.integers(0, 3, rows)
        odds = (x * weights(of, group)).sum(axis=1) + 0.3 * (group == 1)
        y = rng.random(rows) < 1 / (1 + np.exp(-odds))
        minutes = batch * 1440 + np.sort(rng.integers(0, 1440, rows))
        columns = {name: x[:, index] for index, name in enumerate("abcde")}
        if of in broken:
            columns["a"] = np.full(rows, np.nan)
        parts.append(
            pd.DataFrame(columns)
            .assign(group=np.array(["u", "v", "w"])[group], y=y.astype(int))
            .assign(event_time=FIRST_DAY + pd.to_timedelta(minutes, unit="min"))
        )
    return pd.concat(parts, ignore_index=True)


def _season(batch: int) -> float:
    return float(2 * np.sin(2 * np.pi * batch / 80))


_MADE: Mapping[str, tuple[str, Callable[[], pd.DataFrame]]] = {
    "steady": ("nothing changes", lambda: _made(_steady)),
    "abrupt": ("another concept from the 80th day on", lambda: _made(_abrupt)),
    "gradual": ("another concept, within 60 days", lambda: _made(_gradual)),
    "recurring": ("two concepts in turn, 40 days each", lambda: _made(_recurring)),
    "one_group": ("another concept for one group of three", lambda: _made(_one_group)),
    "season": ("a feature without weight comes and goes", lambda: _made(_steady, moves=_season)),
    "features_only": ("a feature without weight moves away", lambda: _made(_steady, moves=lambda b: 0.03 * b)),
    "faults": ("a feature is missing on six days", lambda: _made(_steady, broken=frozenset(range(60, 66)))),
}


# --- by river -------------------------------------------------------------------------------------


def _dated(pairs: Any, *, rows: int = ROWS) -> pd.DataFrame:
    """`pairs`: of features and label, in order; so many a day."""
    found = list(pairs)
    frame = pd.DataFrame([{f"f{name}": value for name, value in x.items()} for x, _ in found])
    minutes = np.arange(len(found)) * (1440 // rows)
    return frame.assign(y=[int(y) for _, y in found], event_time=FIRST_DAY + pd.to_timedelta(minutes, unit="min"))


def _sea() -> pd.DataFrame:
    from river.datasets.synth import SEA  # noqa: PLC0415

    parts = [islice(SEA(variant=variant, noise=0.1, seed=variant), ROWS * BATCHES // 4) for variant in range(4)]
    return _dated([pair for part in parts for pair in part])


def _hyperplane() -> pd.DataFrame:
    from river.datasets.synth import Hyperplane  # noqa: PLC0415

    made = Hyperplane(seed=1, n_features=8, n_drift_features=6, mag_change=0.001, noise_percentage=0.05)
    return _dated(islice(made, ROWS * BATCHES))


def _phishing() -> pd.DataFrame:
    from river.datasets import Phishing  # noqa: PLC0415

    return _dated(Phishing(), rows=20)
