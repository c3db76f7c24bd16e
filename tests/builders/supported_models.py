"""docs/models.md, from what the tests show to be served as it predicts."""

import sys
from collections.abc import Iterable
from pathlib import Path

from evertrain.conversion.flat import tolerance_of
from tests.builders.estimators import CLASSIFIERS, REGRESSORS, TRANSFORMERS, VARIANTS

EXACT = 1e-12
"""By so much an artifact may differ from its estimator, relative to the largest answer."""


def tolerance(name: str) -> float:
    """What is promised of an estimator."""
    wide = tolerance_of(f"xgboost.{name}" if name.startswith("XGB") else f"sklearn.{name}")
    return wide if wide > tolerance_of("") else EXACT


def page() -> str:
    """The documentation's page, in Markdown."""
    return f"""# What can be served

Made by `make reference` from `tests/builders/estimators.py`. `tests/unit/conversion/test_every_estimator.py` fits
each of these, converts it to the [flat format](adr/0004-model-format.md), and compares 400 other rows, with values
missing, categories unseen, and numbers at and just above the thresholds of trees. *Parity* is the largest
difference that it allows, relative to the largest answer. `test_random_pipelines.py` puts pipelines together by
chance.

`evertrain check` does the same with your own estimator on made-up rows, before anything is deployed, and says the
size of the artifact and what a row costs. Training does it once more with your rows, before a version is
registered.

## Classifiers

Of two classes: labels are 0 and 1, or the two words that `classes` in `[label]` names. More classes are not
served yet.

{_table("estimator", CLASSIFIERS)}

{_table("also tried", VARIANTS)}

## Regressors

{_table("estimator", REGRESSORS)}

## Before them

`Pipeline`, `ColumnTransformer` and `FeatureUnion`, nested in any way, with columns by name, number, mask, slice or
function; and of scikit-learn's feature selection whatever has `get_support`.

{_table("transformer", TRANSFORMERS)}

## What is not

A transformer or an estimator of your own, also a subclass of one above: the endpoint runs no code. Nearest
neighbours, kernels (`SVC`, `GaussianProcess…`), `IterativeImputer`, `KNNImputer`, `SplineTransformer`. An encoder
that raises on an unseen category (`handle_unknown="error"`): a caller can send one. A classifier without
probabilities (`LinearSVC`): put it into a `CalibratedClassifierCV`. A linear model of a feature that may be null:
put a `SimpleImputer` before it.

What is missing goes the way that each learner learnt. An unseen category does what its encoder does with it; where
LightGBM or XGBoost encode categories themselves, it is taken as missing.
"""


def _table(title: str, names: Iterable[str]) -> str:
    rows = [
        f"| `{name.split(' ')[0]}`{name[len(name.split(' ')[0]) :]} | {tolerance(name):.0e} |"
        for name in sorted(names)
    ]
    return "\n".join([f"| {title} | parity |", "|---|---|", *rows])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
