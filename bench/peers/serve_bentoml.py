"""BentoML's scoring code: a service of a model from its store, called in process, without its HTTP server."""

import os
import sys

os.environ["BENTOML_HOME"] = sys.argv[1]  # the store is looked for while the package is imported

import bentoml
import numpy as np
import pandas as pd

from serving import report


@bentoml.service
class Scoring:
    def __init__(self) -> None:
        self.model = bentoml.sklearn.load_model("served:latest")

    @bentoml.api
    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return self.model.predict_proba(rows)[:, 1]


report(lambda _: Scoring(), lambda service, rows: service.predict(pd.DataFrame(rows)))
