"""Did the feed break, rather than the world change? As far as a batch and its reference can tell."""

from evertrain.statistics.faults.conversions import CONVERSIONS, Conversion
from evertrain.statistics.faults.finding import MIN_ROWS, find_faults

__all__ = ["CONVERSIONS", "MIN_ROWS", "Conversion", "find_faults"]
