"""Requests to the endpoint with their predictions, logged for drift monitoring and for labels to be joined later."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from evertrain.domain.project.prediction import Answer

PREDICTION, PREDICTED_CLASS = "prediction", "predicted_class"
"""The columns under which predictions are compared, like features. Of more than two classes: the most probable one,
and its probability."""

OF_PREDICTIONS = frozenset({PREDICTION, PREDICTED_CLASS})

PREDICTION_ID, MODEL_VERSION = "prediction_id", "model_version"

EXPLORED, EXPLORE_SHARE = "explored", "explore_share"
"""Whether the caller was asked to act whatever was predicted, and the probability with which that was asked."""

LABEL_WEIGHT = "label_weight"
"""Of training rows, where the model explores: how many rows a labelled one stands for."""

REFUSED, FAILED = "refused", "failed"
"""Why a request has no predictions: what was asked is said to be wrong, or the function failed."""

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredRequest:
    """One request that a model answered, or a part of it.

    `prediction_id`: the request's. `first_row`: the place of the first of these rows in the request; None where the
    request was a single row. `explore_share`: the share of rows that were to be explored when it was answered.
    `function_version`: by which it was answered; empty where that was not told. `milliseconds`: how long its
    predictions took. `trouble`: `REFUSED` or `FAILED`, and then there are no predictions; else empty.
    `log_share`: the share of requests that was kept then.
    """

    model: str
    model_version: str
    prediction_id: str
    answered_at: datetime
    rows: tuple[Row, ...]
    predictions: tuple[Answer, ...]
    first_row: int | None = None
    explore_share: float = 0.0
    function_version: str = ""
    milliseconds: float | None = None
    trouble: str = ""
    log_share: float = 1.0

    @property
    def explored(self) -> tuple[bool, ...]:
        """Of each row: to be acted on whatever was predicted, so that its label comes to be known."""
        return tuple(is_explored(row_id, self.explore_share) for row_id in self.row_ids)

    @property
    def row_ids(self) -> Iterator[str]:
        """One for each row: the request's own for a single row, with the row's place behind it for many.

        >>> from datetime import UTC
        >>> two = AnsweredRequest(model="flights", model_version="v1", prediction_id="a1", first_row=0, rows=({}, {}),
        ...                predictions=(0.1, 0.2), answered_at=datetime(2013, 1, 1, tzinfo=UTC))
        >>> list(two.row_ids)
        ['a1:0', 'a1:1']
        """
        if self.first_row is None:
            yield self.prediction_id
            return
        for place in range(self.first_row, self.first_row + len(self.rows)):
            yield f"{self.prediction_id}:{place}"


def is_sampled(prediction_id: str, share: float) -> bool:
    """Whether a request is among the share that is kept: by its id alone, so that every copy is judged alike.

    >>> is_sampled("a1", 1.0), is_sampled("a1", 0.0)
    (True, False)
    """
    return _place(prediction_id) < share


def is_explored(row_id: str, share: float) -> bool:
    """Whether a row is among the share that is explored: by its id alone, and whatever is kept of the requests.

    >>> is_explored("a1", 1.0), is_explored("a1", 0.0)
    (True, False)
    """
    return share > 0 and _place(f"explore {row_id}") < share


def _place(name: str) -> float:
    """From 0 up to 1, as good as drawn at random."""
    return int.from_bytes(sha256(name.encode()).digest()[:4]) / 2**32
