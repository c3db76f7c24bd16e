"""MLflow's scoring code: the model as a Python function, its signature enforced on a data frame."""

from typing import Any

import mlflow
import pandas as pd

from serving import report


def predict(model: Any, rows: list[dict[str, float]]) -> Any:
    return model.predict(pd.DataFrame(rows))[:, 1]


report(mlflow.pyfunc.load_model, predict)
