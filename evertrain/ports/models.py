"""How the loop reads what it serves: an artifact's bytes, of whichever tier they are."""

from collections.abc import Callable

from evertrain.scoring import ServableModel

ReadModel = Callable[[bytes], ServableModel]
"""Raises InvalidArtifact. The bytes' digest has been checked."""
