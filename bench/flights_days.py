"""Verdicts on real days: what is called drift, and what a fault, where rows depend on each other.

python -m bench.flights_days

Undrifted days: of every eight weeks of flights, the reference is made from one half of the days and the other half
is judged, so that nothing but a day's weather and schedule tells them apart. Faults: real days in order, judged
against the weeks before them, as they are and with a mishap in them. Writes `bench/results/flights.json` and `.md`.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from evertrain.adapters.project.files import load_project
from evertrain.demo.flights import Flights, load_flights
from evertrain.domain.landing.batches import FaultStanding
from evertrain.domain.project.model import ModelSpec
from evertrain.statistics.faults import find_faults
from evertrain.statistics.layouts import Categories, Column
from evertrain.statistics.reference import Reference, build_reference
from evertrain.statistics.verdict import PSI_THRESHOLD, judge
from evertrain.tables.columns import as_column

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
SPAN = 56
"""Days. Shorter than a season, long enough for limits."""

Rows = dict[str, Column]


class Days:
    """The flights of the year by day, as the statistics want them."""

    def __init__(self, flights: Flights, spec: ModelSpec) -> None:
        self.spec = spec
        self._table = flights.table
        self.all: list[date] = sorted(set(flights.table["day"]))

    def rows(self, days: Sequence[date], *, hours: tuple[int, int] = (0, 24)) -> Rows:
        """Those that leave in these hours."""
        found = self._of(days)
        leaves = found["departure_hour"].between(*hours, inclusive="left")
        table = pa.Table.from_pandas(found.loc[leaves, list(self.spec.feature_names)], preserve_index=False)
        return {name: as_column(table[name]) for name in self.spec.feature_names}

    def reference(self, days: Sequence[date], *, with_days: bool = True) -> Reference:
        blocks = np.array([day.toordinal() for day in self._of(days)["day"]]) if with_days else None
        slices = [each.column for each in self.spec.gate.slices]
        return build_reference(self.rows(days), self.spec.features, blocks=blocks, slices=slices)

    def _of(self, days: Sequence[date]) -> pd.DataFrame:
        return self._table[self._table["day"].isin(days)]


def undrifted(days: Days) -> dict[str, float]:
    """Share of the judged days that each way of judging calls drifted."""
    alarms: Counter[str] = Counter()
    judged = 0
    for start in range(0, len(days.all) - SPAN + 1, SPAN // 2):
        span = days.all[start : start + SPAN]
        known, unknown = days.reference(span[::2]), days.reference(span[::2], with_days=False)
        for day in span[1::2]:
            rows = days.rows([day])
            with_days = judge(known, known.sketch(rows), policy=days.spec.triggers.drift)
            without = judge(unknown, unknown.sketch(rows), policy=days.spec.triggers.drift)
            judged += 1
            alarms["PSI above 0.2 in any feature"] += any(f.psi > PSI_THRESHOLD for f in without.features)
            alarms["independent rows: p-value, size and effect"] += bool(without.drifted_features)
            alarms["with control limits of training days"] += bool(with_days.drifted_features)
            alarms["relations between features, with limits"] += bool(with_days.drifted_relations)
            alarms["a slice, with limits"] += bool(with_days.drifted_slices)
            alarms["in any of the last three"] += with_days.status == "drifted"
    return {"days": judged} | {way: count / judged for way, count in alarms.items()}


Mishap = Callable[[Rows], Rows]


def _numbers(rows: Rows, name: str) -> npt.NDArray[np.float64]:
    values = rows[name]
    if isinstance(values, Categories):
        raise TypeError(name)
    return values


def _scaled(name: str, factor: float, offset: float = 0.0) -> Mishap:
    return lambda rows: {name: _numbers(rows, name) * factor + offset}


def _lower_case(name: str) -> Mishap:
    def change(rows: Rows) -> Rows:
        values = rows[name]
        if not isinstance(values, Categories):
            raise TypeError(name)
        return {name: replace(values, levels=tuple(level.lower() for level in values.levels))}

    return change


MISHAPS: dict[str, Mishap] = {
    "nothing: the day as it was": lambda _: {},
    "wind speed all zeros": _scaled("wind_speed", 0.0),
    "humidity without values": _scaled("humidity", float("nan")),
    "carriers in lower case": _lower_case("carrier"),
    "distance in kilometres": _scaled("distance", 1.609344),
    "departure in minutes": _scaled("departure_hour", 60.0),
    "temperature in °C": _scaled("temperature", 5 / 9, -160 / 9),
    "dew point in °C": _scaled("dew_point", 5 / 9, -160 / 9),
    "pressure in inHg": _scaled("pressure", 1 / 33.8639),
    "humidity as a fraction": _scaled("humidity", 0.01),
    "distance and seats exchanged": lambda rows: {"distance": rows["plane_seats"], "plane_seats": rows["distance"]},
    "temperature and dew point exchanged": lambda rows: {
        "temperature": rows["dew_point"],
        "dew_point": rows["temperature"],
    },
}


def faults(days: Days) -> dict[str, dict[str, float]]:
    """By mishap: how often a day was judged, and the shares of which a certain fault was found, or at most a doubtful
    one; and that of days of which any was found after a day that the mishap had spoiled from noon on."""
    judged: Counter[str] = Counter()
    found: Counter[tuple[str, str]] = Counter()
    for reference, day, before in _in_order(days):
        rows, earlier = days.rows([day]), [reference.sketch(days.rows([each])) for each in before]
        half, rest = days.rows([before[0]], hours=(0, 12)), days.rows([before[0]], hours=(12, 24))
        for name, mishap in MISHAPS.items():
            judged[name] += 1
            spoiled = reference.sketch(rows | mishap(rows))
            standings = {fault.standing for fault in find_faults(reference, spoiled, earlier=earlier)}
            found[name, _grade(standings)] += 1
            since_noon = reference.sketch(half) + reference.sketch(rest | mishap(rest))
            after = find_faults(reference, spoiled, earlier=[since_noon, *earlier[1:]])
            found[name, "after noon"] += bool(after)
    return {
        name: {"days": judged[name]}
        | {grade: found[name, grade] / judged[name] for grade in ("certain", "doubtful", "after noon")}
        for name in MISHAPS
    }


def _grade(standings: set[FaultStanding]) -> str:
    if FaultStanding.CERTAIN in standings:
        return "certain"
    return "doubtful" if standings else "none"


def _in_order(days: Days) -> Iterator[tuple[Reference, date, Sequence[date]]]:
    """References of four and eight weeks, days of the eight weeks after them, and the three days before each."""
    for length in (28, 56):
        for start in range(0, len(days.all) - length - 56, 28):
            reference = days.reference(days.all[start : start + length])
            for place in range(start + length, start + length + 56, 4):
                yield reference, days.all[place], days.all[place - 3 : place][::-1]


def as_markdown(rates: dict[str, float], found: dict[str, dict[str, float]]) -> str:
    lines = [
        f"Real days of flights whose reference is the other half of the same eight weeks, {rates['days']:.0f} of "
        "them: share that is called drifted.",
        "",
        "| way of judging | days called drifted |",
        "|---|---|",
        *(f"| {way} | {rate:.1%} |" for way, rate in rates.items() if way != "days"),
        "",
        "Real days in order, against the four or eight weeks before, with a mishap in them: share with a fault that "
        "was certain, or at most doubtful; and any, where the day before was spoiled from noon on.",
        "",
        "| mishap | days | certain | doubtful | after a day spoiled from noon on |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {each['days']:.0f} | {each['certain']:.1%} | {each['doubtful']:.1%} "
            f"| {each['after noon']:.1%} |"
            for name, each in found.items()
        ),
    ]
    return "\n".join([*lines, ""])


def main() -> None:
    days = Days(load_flights(), load_project(ROOT).models["flights"])
    rates, found = undrifted(days), faults(days)
    RESULTS.mkdir(exist_ok=True)
    document = {"undrifted_days": rates, "faults": found}
    (RESULTS / "flights.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (RESULTS / "flights.md").write_text(as_markdown(rates, found), encoding="utf-8")
    print(as_markdown(rates, found))


if __name__ == "__main__":
    main()
