"""Explanations of a model's predictions: a base, and what each feature adds to it, on a scale that is told.

Of several classes each has its own.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evertrain.scoring.explanations.attribution import Attribution, NotExplainable, Scale, attributions
from evertrain.scoring.explanations.tree_shap import MAX_WORK, TOO_LARGE, TOO_OLD, ExplainedForest
from evertrain.scoring.flat_model import FlatModel
from evertrain.scoring.rows import Row
from evertrain.scoring.servable import ServableModel
from evertrain.scoring.steps import Slots

MAX_ROWS = 100
"""At once."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """`base` and `contributions`, by feature, add up to the prediction on the explainer's scale."""

    base: float
    contributions: Mapping[str, float]


Explained = Explanation | Mapping[str, Explanation]
"""Of one prediction. Of several classes each one's, by name: they add up to its part of the prediction."""


class Explainer:
    """Of one model. A column's contribution is its weight times how far it lies from its mean over the training rows;
    that of trees is their Shapley value. What was made of a feature is credited to it.

    `rows_at_once`: how many rows are explained within a request, at most. Raises NotExplainable.
    """

    def __init__(self, model: FlatModel) -> None:
        found = attributions(model)
        self.scale: Scale = found[0].scale
        self._model = model
        self._answers: list[_ExplainedAnswer] = []
        work = 0
        for each in found:
            self._answers.append(_ExplainedAnswer(each, model))
            work += self._answers[-1].work
            if work > MAX_WORK:  # before the next class is prepared
                raise NotExplainable(TOO_LARGE)
        self.rows_at_once = min(MAX_ROWS, MAX_WORK // work) if work else MAX_ROWS

    def explain(self, rows: Sequence[Row]) -> list[Explained]:
        """Rows are valid, and not more than `rows_at_once`."""
        return [self._explain(row) for row in rows]

    def _explain(self, row: Row) -> Explained:
        slots = self._model.slots_of(row)
        explained = [answer.explain(slots) for answer in self._answers]
        return explained[0] if len(explained) == 1 else dict(zip(self._model.classes, explained, strict=True))


class _ExplainedAnswer:
    """The answer, or that of one class. `work`: proportional to the time that a row takes."""

    def __init__(self, found: Attribution, model: FlatModel) -> None:
        if any(column.slot not in model.means for column in found.columns):
            raise NotExplainable(TOO_OLD)
        self._names = model.feature_names
        self._columns = [(column, model.means[column.slot]) for column in found.columns]
        self._forests = [ExplainedForest(each) for each in found.forests]
        self._base = math.fsum(
            [
                found.constant,
                *(column.weight * mean for column, mean in self._columns),
                *(forest.base for forest in self._forests),
            ]
        )
        self.work = sum(forest.work for forest in self._forests)

    def explain(self, slots: Slots) -> Explanation:
        contributions = [0.0] * len(self._names)
        for column, mean in self._columns:
            if column.feature is not None:
                contributions[column.feature] += column.weight * (slots[column.slot] - mean)
        for forest in self._forests:
            forest.add_to(contributions, slots)
        return Explanation(self._base, dict(zip(self._names, contributions, strict=True)))


def explainer_of(model: ServableModel) -> Explainer:
    """Of a flat model; what scikit-learn itself answers has no sums to look into. Raises NotExplainable."""
    if not isinstance(model, FlatModel):
        raise NotExplainable(f"{model.model} is answered by scikit-learn itself, which tells no contributions")
    return Explainer(model)
