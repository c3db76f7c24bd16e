"""The fitted estimator itself, on a data frame."""

from typing import Any

import joblib
import pandas as pd

from serving import report


def predict(model: Any, rows: list[dict[str, float]]) -> Any:
    return model.predict_proba(pd.DataFrame(rows))[:, 1]


report(joblib.load, predict)
