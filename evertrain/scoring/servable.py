"""What every tier of models answers to: the flat format's, and scikit-learn's own."""

from collections.abc import Sequence
from typing import Protocol

from evertrain.domain.project.metric import Task
from evertrain.domain.project.prediction import Prediction
from evertrain.scoring.rows import Feature, Row


class ServableModel(Protocol):
    """An artifact that was read. `tolerance`: how far from its estimator's answers, relative to the largest."""

    @property
    def model(self) -> str: ...

    @property
    def task(self) -> Task: ...

    @property
    def features(self) -> tuple[Feature, ...]: ...

    @property
    def feature_names(self) -> tuple[str, ...]: ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, of two the last one that whose probability is predicted; none where labels are 0 and 1."""

    @property
    def tolerance(self) -> float: ...

    def predict(self, rows: Sequence[Row]) -> list[Prediction]:
        """For each row the probability of the positive class, of each where there are more than two, or the number.
        Rows are valid: see `validate_rows`."""
