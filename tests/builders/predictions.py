"""Requests that the endpoint answered."""

from datetime import datetime

import numpy as np

from evertrain.domain.landing.predictions import AnsweredRequest
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
    **changes: object,
) -> AnsweredRequest:
    """One request for rows as they land, answered by chance around 0.3, or by `lift` more."""
    frame = features_frame(rows=rows, seed=seed, **changes).drop(columns=["trip_id", "departed_at"])
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return AnsweredRequest(
        model="trips",
        model_version=version,
        prediction_id=f"{request}-{seed}",
        answered_at=at,
        first_row=0,
        rows=tuple({str(name): value for name, value in row.items()} for row in records),
        predictions=tuple(float(each) for each in np.random.default_rng(seed).normal(0.3 + lift, 0.1, rows)),
    )
