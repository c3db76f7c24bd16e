"""Predictions from an artifact; a flat one takes the standard library alone. Reads no file and knows no AWS."""

from evertrain.scoring.flat_model import FlatModel, InvalidArtifact
from evertrain.scoring.rows import Feature, InvalidRow, validate_rows
from evertrain.scoring.servable import ServableModel

__all__ = ["Feature", "FlatModel", "InvalidArtifact", "InvalidRow", "ServableModel", "validate_rows"]
