"""Predictions from a flat artifact, with the standard library alone. Reads no file and knows no AWS."""

from evertrain.scoring.flat_model import FlatModel, InvalidArtifact
from evertrain.scoring.rows import Feature, InvalidRow, validate_rows

__all__ = ["Feature", "FlatModel", "InvalidArtifact", "InvalidRow", "validate_rows"]
