"""From a fitted scikit-learn estimator to the flat model format, with a check that both predict the same."""

from evertrain.conversion.flat import UnsupportedEstimator, to_flat
from evertrain.conversion.parity import ParityError, check_parity

__all__ = ["ParityError", "UnsupportedEstimator", "check_parity", "to_flat"]
