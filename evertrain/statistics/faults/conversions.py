"""Changes of unit that feeds are known for."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Conversion:
    """A change of unit: value * factor + offset."""

    description: str
    factor: float
    offset: float = 0.0

    @property
    def stretches(self) -> bool:
        """Or shrinks; neither an offset alone nor another sign does."""
        return abs(self.factor) != 1

    def invert(self, values: Array) -> Array:
        with np.errstate(over="ignore"):
            return (values - self.offset) / self.factor


def _both_ways(one: str, other: str, factor: float) -> tuple[Conversion, Conversion]:
    return Conversion(f"from {one} to {other}", factor), Conversion(f"from {other} to {one}", 1 / factor)


CONVERSIONS = (
    Conversion("from °F to °C", 5 / 9, -160 / 9),
    Conversion("from °C to °F", 9 / 5, 32.0),
    Conversion("from °C to K", 1.0, 273.15),
    Conversion("from K to °C", 1.0, -273.15),
    Conversion("to the opposite sign", -1.0),
    *_both_ways("miles", "kilometres", 1.609344),
    *_both_ways("nautical miles", "kilometres", 1.852),
    *_both_ways("feet", "metres", 0.3048),
    *_both_ways("inches", "centimetres", 2.54),
    *_both_ways("inches", "millimetres", 25.4),
    *_both_ways("pounds", "kilograms", 0.45359237),
    *_both_ways("knots", "m/s", 0.514444),
    *_both_ways("mph", "m/s", 0.44704),
    *_both_ways("m/s", "km/h", 3.6),
    *_both_ways("inHg", "hPa", 33.8639),
    Conversion("from hours to minutes, or minutes to seconds", 60.0),
    Conversion("from seconds to minutes, or minutes to hours", 1 / 60),
    *_both_ways("hours", "seconds", 3600.0),
    *_both_ways("a fraction", "percent", 100.0),
    *(Conversion(f"by a factor of {factor:,}", factor) for factor in (10, 1_000, 1_000_000)),
    *(Conversion(f"by a divisor of {factor:,}", 1 / factor) for factor in (10, 1_000, 1_000_000)),
)
