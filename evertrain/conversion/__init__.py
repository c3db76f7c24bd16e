"""From a fitted scikit-learn estimator to the flat model format, and the proof that nothing was lost."""

from evertrain.conversion.flat import UnsupportedEstimator, to_flat
from evertrain.conversion.parity import ParityError, check_parity

__all__ = ["ParityError", "UnsupportedEstimator", "check_parity", "to_flat"]
