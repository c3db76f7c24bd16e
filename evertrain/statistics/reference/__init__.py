"""The reference: what the champion learnt from, as every batch is compared with it."""

from evertrain.statistics.reference.building import build_prediction_reference, build_reference
from evertrain.statistics.reference.features import FeatureReference
from evertrain.statistics.reference.reference import InvalidReference, Reference

__all__ = ["FeatureReference", "InvalidReference", "Reference", "build_prediction_reference", "build_reference"]
