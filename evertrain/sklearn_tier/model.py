"""A model that scikit-learn itself answers: a fitted estimator, read by skops, of declared types alone."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import skops.io

from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.metric import Task
from evertrain.domain.project.prediction import Prediction
from evertrain.scoring import InvalidArtifact
from evertrain.scoring.flat_model import MAX_TOLERANCE, read_features
from evertrain.scoring.rows import Feature, Row
from evertrain.sklearn_tier.container import Header, unpack
from evertrain.sklearn_tier.declared_types import refused_types
from evertrain.sklearn_tier.frame import frame_of_rows, with_unseen
from evertrain.sklearn_tier.own_code import own_package, use_own_code

FORMAT, VERSION = "evertrain-sklearn", 1
TOLERANCE = 1e-9
"""An artifact's of this tier. One row and many may be summed in another order."""

logger = logging.getLogger(__name__)

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SklearnModel:
    """A model that its estimator answers. `categories`: of each feature that is text, the levels of training.
    `types`: of which objects were made that skops does not trust by itself."""

    model: str
    task: Task
    features: tuple[Feature, ...]
    categories: Mapping[str, Sequence[str]] = field(repr=False)
    types: tuple[str, ...]
    estimator: Any = field(repr=False)
    classes: tuple[str, ...] = ()
    tolerance: float = TOLERANCE

    @classmethod
    def from_bytes(cls, data: bytes, *, root: Path) -> "SklearnModel":
        """`root`: of the project, whose `models/<name>/` an estimator's own types are imported from.

        Raises InvalidArtifact.
        """
        try:
            header, archive = unpack(data)
            model = _without_estimator(header)
        except Exception as error:
            raise InvalidArtifact(
                f"the artifact cannot be read: {type(error).__name__}: {str(error)[:200]}"
            ) from error
        use_own_code(root, model.model)
        _warn_of_other_versions(model.model, header["libraries"])
        return replace(model, estimator=_load(archive, model))

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    def predict(self, rows: Sequence[Row]) -> list[Prediction]:
        """For each row the probability of the positive class, of each where there are more than two, or the number.
        Rows are valid: see `validate_rows`."""
        if not rows:
            return []
        found = self.predict_frame(frame_of_rows(rows, self.features, categories=self.categories)).tolist()
        return [tuple(each) if isinstance(each, list) else each for each in found]

    def predict_table(self, table: Any) -> Numbers:
        """Shape (rows,), or (rows, classes) of more than two: the same for each row of an Arrow table."""
        from evertrain.conversion.frame import to_frame  # noqa: PLC0415  # the endpoint has no pyarrow

        if not len(table):
            return np.empty((0, len(self.classes)) if len(self.classes) > 2 else 0)
        texts = [each.name for each in self.features if each.kind is FeatureKind.CATEGORICAL]
        levels = {name: with_unseen(self.categories[name], table[name].unique().to_pylist()) for name in texts}
        return self.predict_frame(to_frame(table, self.features, categories=levels))

    def predict_frame(self, frame: pd.DataFrame) -> Numbers:
        """Shape (rows,): the last class's probability, or the number; of more than two (rows, classes), 0 of one that
        no training row had."""
        found = self.answers(frame)
        if len(self.classes) <= 2:
            return found[:, -1]
        spread = np.zeros((len(found), len(self.classes)))
        known = getattr(self.estimator, "fitted_on_classes_", self.estimator.classes_)
        spread[:, np.asarray(known, dtype=np.int64)] = found
        return spread

    def answers(self, frame: pd.DataFrame) -> Numbers:
        """Shape (rows, classes), a probability for each in the estimator's order; or of a regression (rows, 1)."""
        is_classifier = self.task is Task.CLASSIFICATION
        found = self.estimator.predict_proba(frame) if is_classifier else self.estimator.predict(frame)
        return np.asarray(found, dtype=np.float64).reshape(len(frame), -1)


def _without_estimator(header: Header) -> SklearnModel:
    if header["format"] != FORMAT or header["version"] != VERSION:
        raise ValueError(f"not of format {FORMAT} {VERSION}")
    features, name = read_features(header["features"]), header["model"]
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError("model is no name")
    categories, types, classes = header["categories"], header["types"], header["classes"]
    if set(categories) != {each.name for each in features if each.kind is FeatureKind.CATEGORICAL}:
        raise ValueError("categories: not those of its features")
    if not all(_are_texts(each) for each in (*categories.values(), types, classes)) or len(classes) == 1:
        raise ValueError("categories, types or classes are no lists of names")
    if type(header["tolerance"]) is not float or not 0 < header["tolerance"] <= MAX_TOLERANCE:
        raise ValueError("tolerance: out of bounds")
    if not isinstance(header["libraries"], dict):
        raise ValueError("libraries: no versions")
    return SklearnModel(
        model=name,
        task=Task(header["task"]),
        features=features,
        categories=categories,
        types=tuple(types),
        estimator=None,
        classes=tuple(classes),
        tolerance=header["tolerance"],
    )


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(each, str) for each in values)


def _load(archive: bytes, model: SklearnModel) -> Any:
    """Nothing is imported, and no object made, before every type is known to be a declared one."""
    if refused := refused_types(model.types):
        raise InvalidArtifact(f"{model.model}: the artifact declares {refused[0]}, which no artifact may hold")
    try:
        undeclared = sorted({*skops.io.get_untrusted_types(data=archive)} - {*model.types})
        if undeclared:
            raise InvalidArtifact(f"{model.model}: the artifact holds {undeclared[0]}, which it does not declare")
        return skops.io.loads(archive, trusted=list(model.types))
    except InvalidArtifact:
        raise
    except ModuleNotFoundError as error:
        package, _, module = (error.name or "").partition(".")
        if package == own_package(model.model):
            raise InvalidArtifact(
                f"{model.model}: its artifact needs models/{model.model}/{module}.py, which is not here; deploy the "
                "project that it was trained in"
            ) from error
        raise InvalidArtifact(
            f"{model.model}: its artifact needs {error.name}, which is not here; write it into "
            "models/requirements.txt, and deploy"
        ) from error
    except AttributeError as error:
        raise InvalidArtifact(
            f"{model.model}: its artifact needs what is not in its code any more ({str(error)[:200]}); keep it there "
            "until a version that does not need it is champion"
        ) from error
    except Exception as error:
        raise InvalidArtifact(
            f"{model.model}: the estimator cannot be read: {type(error).__name__}: {str(error)[:200]}"
        ) from error


def library_versions() -> dict[str, str]:
    return {name: version(name) for name in ("scikit-learn", "numpy")}


def _warn_of_other_versions(model: str, trained_with: Mapping[str, str]) -> None:
    """The smoke test tells whether it matters: an old champion has to be compared whatever has been upgraded."""
    here = library_versions()
    if trained_with != here:
        logger.warning("other_libraries model=%s trained_with=%s here=%s", model, trained_with, here)
