"""From an artifact's bytes to a model, of whichever tier it is. scikit-learn is imported for the second one only."""

from pathlib import Path

from evertrain.scoring import FlatModel, InvalidArtifact, ServableModel
from evertrain.sklearn_tier.container import MAGIC


def read_model(data: bytes, *, root: Path) -> ServableModel:
    """`root`: the project's folder, with `models/`. The bytes' digest has been checked. Raises InvalidArtifact."""
    if not data.startswith(MAGIC):
        return FlatModel.from_bytes(data)
    try:
        from evertrain.sklearn_tier.model import SklearnModel  # noqa: PLC0415  # most functions have no scikit-learn
    except ModuleNotFoundError as error:
        raise InvalidArtifact(
            f'the artifact is of the tier "sklearn", and there is no {error.name} here; deploy again, with '
            '[endpoint] tier = "sklearn" in model.toml'
        ) from error
    return SklearnModel.from_bytes(data, root=root)
