"""Requests that the endpoint answered."""

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from evertrain.domain.landing.predictions import AnsweredRequest
from evertrain.domain.project.prediction import Answer
from tests.builders.landed import features_frame
from tests.builders.models import NOW


def answered(
    rows: int = 20,
    *,
    at: datetime = NOW,
    seed: int = 0,
    request: str = "r",
    version: str = "v1",
    lift: float = 0.0,
    odds: Mapping[str, float] | None = None,
    **changes: object,
) -> AnsweredRequest:
    """One request for rows as they land, answered by chance around 0.3, or by `lift` more. `odds`: of
    several classes, how probable each is beside the others, on the whole."""
    rng = np.random.default_rng(seed)
    frame = features_frame(rows=rows, seed=seed, **changes).drop(columns=["trip_id", "departed_at"])
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return AnsweredRequest(
        model="trips",
        model_version=version,
        prediction_id=f"{request}-{seed}",
        answered_at=at,
        first_row=0,
        rows=tuple({str(name): value for name, value in row.items()} for row in records),
        predictions=tuple(map(float, rng.normal(0.3 + lift, 0.1, rows)))
        if odds is None
        else of_classes(rows, odds, rng),
    )


def of_classes(rows: int, odds: Mapping[str, float], rng: np.random.Generator) -> tuple[Answer, ...]:
    shares = rng.dirichlet(4 * np.array(list(odds.values())), rows)
    return tuple(dict(zip(odds, map(float, each), strict=True)) for each in shares)
