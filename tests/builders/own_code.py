"""A model's folder with code of its own: a transformer in a file beside its estimator, and a function."""

from pathlib import Path

TRANSFORMERS = '''
"""Own preprocessing."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin


class Clipped(TransformerMixin, BaseEstimator):
    """Numbers between two quantiles of training."""

    def __init__(self, share: float = 0.05) -> None:
        self.share = share

    def fit(self, x, y=None):
        self.low_, self.high_ = np.nanquantile(x, [self.share, 1 - self.share], axis=0)
        return self

    def transform(self, x):
        return np.clip(np.asarray(x, dtype=float), self.low_, self.high_)


def roots(x):
    return np.sign(x) * np.sqrt(np.abs(x))
'''

ESTIMATOR = """
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from .transformers import Clipped, roots


def make_estimator(*, seed):
    numbers = make_pipeline(SimpleImputer(), Clipped(), FunctionTransformer(roots), StandardScaler())
    columns = ColumnTransformer(
        [
            ("numbers", numbers, NUMBERS),
            ("text", OneHotEncoder(handle_unknown="ignore"), TEXTS),
        ]
    )
    return make_pipeline(columns, KNeighborsClassifier(15))
"""


def write_own_code(
    root: Path,
    model: str = "trips",
    *,
    numbers: tuple[str, ...] = ("distance", "wind"),
    texts: tuple[str, ...] = ("carrier",),
) -> None:
    """Below `root`: nearest neighbours behind a transformer and a function of the folder's own."""
    folder = root / "models" / model
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "transformers.py").write_text(TRANSFORMERS, encoding="utf-8")
    code = ESTIMATOR.replace("NUMBERS", repr(list(numbers))).replace("TEXTS", repr(list(texts)))
    (folder / "estimator.py").write_text(code, encoding="utf-8")
