"""Streams that anybody can make again: by formulas, or by the generators and bundled sets of the package `river`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evertrain.demo.flights import load_flights
from evertrain.domain.project.metric import Metric

FIRST_DAY = pd.Timestamp("2024-01-01", tz="UTC")
BATCHES, ROWS = 160, 100
CHANGE = 80
"""The batch with which a change begins, where there is one."""

BROKEN = frozenset(range(60, 66))
FLIGHT_DAYS = 240

Numbers = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Stream:
    """`rows`: with `event_time` and `y`. `batch`: how long one is. `metric`: by which models
    are judged. `broken`: the batches that a fault has spoiled."""

    name: str
    what: str
    rows: pd.DataFrame
    latency: timedelta = timedelta(days=5)
    batch: timedelta = timedelta(days=1)
    metric: Metric = Metric.ROC_AUC_SCORE
    broken: frozenset[int] = frozenset()


def all_streams() -> Iterator[Stream]:
    for name, (what, make) in _MADE.items():
        yield Stream(name=name, what=what, rows=make())
    for name, (what, spoil) in _FAULTS.items():
        yield Stream(name=name, what=f"{what} on six days", rows=_made(_steady, spoil=spoil), broken=BROKEN)
    yield Stream(
        name="news",
        what="as abrupt; each day is of one campaign, with a new one every third day",
        rows=_made(_abrupt, adds=_with_campaign),
    )
    yield Stream(
        name="fault_alike",
        what="two features that are alike, with one that follows each, are exchanged on six days",
        rows=_made(_steady, adds=_with_followers, spoil=_exchange_alike),
        broken=BROKEN,
    )
    yield Stream(
        name="late_labels", what="as abrupt, labels 20 days late", rows=_made(_abrupt), latency=timedelta(days=20)
    )
    yield Stream(
        name="few_rows",
        what="as abrupt, 12 rows a day, in weeks",
        rows=_made(_abrupt, rows=12),
        batch=timedelta(days=7),
    )
    yield Stream(name="sea", what="SEA concepts, three changes (river)", rows=_sea())
    yield Stream(name="hyperplane", what="a hyperplane that turns (river)", rows=_hyperplane())
    yield Stream(name="phishing", what="web sites, in the order of the set (river)", rows=_phishing())
    yield Stream(
        name="friedman",
        what="a number, two abrupt changes (river)",
        rows=_friedman(),
        metric=Metric.MEAN_ABSOLUTE_ERROR,
    )
    flights = load_flights().table
    for days in (0, 7, 30):
        for label, metric in (("late", Metric.ROC_AUC_SCORE), ("air_time", Metric.MEAN_ABSOLUTE_ERROR)):
            yield Stream(
                name=f"{label}_{days}d",
                what=f"{FLIGHT_DAYS} days of flights, one of three, `{label}`",
                rows=_flights(flights, label),
                latency=timedelta(days=days),
                metric=metric,
            )


# --- by formulas ----------------------------------------------------------------------------------

Spoil = Callable[[dict[str, Any], int], None]
"""Changes the columns of a broken batch, by its number."""

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
    adds: Callable[[dict[str, Any], int, np.random.Generator], None] | None = None,
    spoil: Spoil | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """`moves`: by how much the last feature lies higher. `adds`: columns, of a batch's number. `spoil`: what happens
    to the columns of broken batches."""
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
        columns: dict[str, Any] = {name: x[:, index] for index, name in enumerate("abcde")}
        columns["group"] = np.array(["u", "v", "w"])[group]
        if adds is not None:
            adds(columns, of, rng)
        if spoil is not None and of in BROKEN:
            spoil(columns, of)
        parts.append(
            pd.DataFrame(columns)
            .assign(y=y.astype(int))
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
}


def _with_campaign(columns: dict[str, Any], batch: int, rng: np.random.Generator) -> None:  # noqa: ARG001
    columns["campaign"] = np.full(len(columns["a"]), f"campaign {batch // 3}")


def _with_followers(columns: dict[str, Any], batch: int, rng: np.random.Generator) -> None:  # noqa: ARG001
    for name in "ab":
        columns[f"follows_{name}"] = columns[name] + rng.normal(0, 0.4, len(columns[name]))


def _exchange_alike(columns: dict[str, Any], batch: int) -> None:  # noqa: ARG001
    columns.update(a=columns["b"], b=columns["a"])


def _lose_from_noon_on(columns: dict[str, Any], batch: int) -> None:
    """Rows are in the order of the day."""
    first = len(columns["a"]) // 2 if batch == min(BROKEN) else 0
    columns["a"] = np.where(np.arange(len(columns["a"])) < first, columns["a"], np.nan)


_FAULTS: Mapping[str, tuple[str, Spoil]] = {
    "fault_missing": ("a feature has no value", lambda columns, _: columns.update(a=0 * columns["a"] + np.nan)),
    "fault_half": ("a feature has no value, from noon of the first", _lose_from_noon_on),
    "fault_zeros": ("a feature is 0", lambda columns, _: columns.update(a=np.zeros(len(columns["a"])))),
    "fault_unit": ("a feature comes in another unit", lambda columns, _: columns.update(a=60 * columns["a"])),
    "fault_exchanged": (
        "two features are exchanged, and nothing depends on them",
        lambda columns, _: columns.update(a=columns["e"], e=columns["a"]),
    ),
    "fault_codes": (
        "categories have other codes",
        lambda columns, _: columns.update(group=np.char.add("code-", columns["group"])),
    ),
}


# --- by river -------------------------------------------------------------------------------------


def _dated(pairs: Any, *, rows: int = ROWS, of_class: bool = True) -> pd.DataFrame:
    """`pairs`: of features and label, in order; so many a day."""
    found = list(pairs)
    frame = pd.DataFrame([{f"f{name}": value for name, value in x.items()} for x, _ in found])
    minutes = np.arange(len(found)) * (1440 // rows)
    y = [int(y) if of_class else float(y) for _, y in found]
    return frame.assign(y=y, event_time=FIRST_DAY + pd.to_timedelta(minutes, unit="min"))


def _sea() -> pd.DataFrame:
    from river.datasets.synth import SEA  # noqa: PLC0415

    parts = [islice(SEA(variant=variant, noise=0.1, seed=variant), ROWS * BATCHES // 4) for variant in range(4)]
    return _dated([pair for part in parts for pair in part])


def _hyperplane() -> pd.DataFrame:
    from river.datasets.synth import Hyperplane  # noqa: PLC0415

    made = Hyperplane(seed=1, n_features=8, n_drift_features=6, mag_change=0.001, noise_percentage=0.05)
    return _dated(islice(made, ROWS * BATCHES))


def _friedman() -> pd.DataFrame:
    from river.datasets.synth import FriedmanDrift  # noqa: PLC0415

    changes = (ROWS * BATCHES * 4 // 10, ROWS * BATCHES * 7 // 10)
    made = FriedmanDrift(drift_type="gra", position=changes, seed=1)
    return _dated(islice(made, ROWS * BATCHES), of_class=False)


def _phishing() -> pd.DataFrame:
    from river.datasets import Phishing  # noqa: PLC0415

    return _dated(Phishing(), rows=20)


# --- real -----------------------------------------------------------------------------------------


def _flights(table: pd.DataFrame, label: str) -> pd.DataFrame:
    """What is known of a flight before it leaves, with one of its two outcomes; those that have none are left out."""
    last = table["scheduled_departure"].min() + pd.Timedelta(days=FLIGHT_DAYS)
    rows = table[(table["scheduled_departure"] < last) & table[label].notna()].iloc[::3]
    others = {"late", "air_time", "day", "flight_id", "scheduled_departure"}
    features = [name for name in table.columns if name not in others]
    found: pd.DataFrame = rows[features].assign(y=rows[label], event_time=rows["scheduled_departure"])
    return found
