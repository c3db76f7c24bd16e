"""docs/models.md, from what the tests show to be served as it predicts."""

import sys
from collections.abc import Iterable
from pathlib import Path

from evertrain.conversion.flat import tolerance_of
from evertrain.domain.project.policies import Tier
from evertrain.domain.project.prediction import MAX_CLASSES
from evertrain.toolchain.own_libraries import BUNDLE_MIB
from tests.builders import second_tier
from tests.builders.estimators import CLASSIFIERS, OF_TWO_CLASSES, REGRESSORS, TRANSFORMERS, VARIANTS

EXACT = 1e-12
"""By so much an artifact may differ from its estimator, relative to the largest answer."""

NOT_EXPLAINED = frozenset(
    {
        "AdaBoostRegressor",
        "BaggingClassifier",
        "CalibratedClassifierCV",
        "GaussianNB",
        "MLPClassifier",
        "MLPRegressor",
    }
    | {"StackingClassifier", "VotingClassifier", "CalibratedClassifierCV(method='isotonic') of a forest"}
    | {"StackingClassifier of boosting and AdaBoost", "Normalizer", "PolynomialFeatures"}
)
"""As they are tried here. A vote of forests has explanations, and polynomials of single features have."""

ONLY_OF_TWO_EXPLAINED = frozenset({"CalibratedClassifierCV of boosting, ensemble=False", "SGDClassifier"})
"""Of more than two classes each is asked for by itself, and the answers are shared out."""

EXPLAINED_TABLE = Path(__file__).parents[2] / "bench/results/explanations.md"


def tolerance(name: str) -> float:
    """What is promised of an estimator."""
    wide = tolerance_of(f"xgboost.{name}" if name.startswith("XGB") else f"sklearn.{name}")
    return wide if wide > tolerance_of("") else EXACT


def page() -> str:
    """The documentation's page, in Markdown."""
    return f"""# What can be served

Made by `make reference` from `tests/builders/estimators.py` and `second_tier.py`. There are two tiers.

**flat**: the estimator becomes data in the [flat format](adr/0004-model-format.md), which the endpoint reads with the
standard library alone. A function of {BUNDLE_MIB[Tier.FLAT]:g} MiB, and some 5 to 150 µs a row. This is the default.

**sklearn**: the estimator stays what it is, and scikit-learn answers. It takes whatever gives `predict_proba` or
`predict`, also transformers, estimators and functions of your own, for `tier = "sklearn"` in `[endpoint]` of
`model.toml`. A function of {BUNDLE_MIB[Tier.SKLEARN]:g} MiB, milliseconds a row, and a cold start of seconds
([ADR 35](adr/0035-second-tier.md)).

`tests/unit/conversion/test_every_estimator.py` fits each of the first, converts it, and compares 400 other rows, with
values missing, categories unseen, and numbers at and just above the thresholds of trees. *Parity* is the largest
difference that it allows, relative to the largest answer. `test_random_pipelines.py` puts pipelines together by
chance. `tests/unit/sklearn_tier/test_writing.py` does the same with each of the second, and shows that it has no flat
form.

`evertrain check` does it with your own estimator on made-up rows, before anything is deployed, and says the tier, the
size of function and artifact, what a row costs, and why it is not flat. Training does it once more with your rows,
before a version is registered.

## Classifiers

Of two classes, whose labels are 0 and 1 or the two words that `classes` in `[label]` names, and of up to
{MAX_CLASSES} that it names: each is also fitted on three classes, and all three probabilities are
compared{_except_of_two()}.

{_table("estimator", CLASSIFIERS, second_tier.CLASSIFIERS)}

{_table("also tried", VARIANTS)}

## Regressors

{_table("estimator", REGRESSORS, second_tier.REGRESSORS)}

## Before them

`Pipeline`, `ColumnTransformer` and `FeatureUnion`, nested in any way, with columns by name, number, mask, slice or
function; and of scikit-learn's feature selection whatever has `get_support`.

{_table("transformer", TRANSFORMERS, second_tier.TRANSFORMERS)}

## Code of your own

A transformer, an estimator or a function of your own, also a subclass of one above, takes the second tier: see
[bring your own estimator](how-to/estimator.md).

## Explanations

`?explain=true` ([http.md](http.md#why)) says what each feature added to a prediction, such that base and
contributions add up to it: of trees their Shapley values with shares of the training rows, as path-dependent TreeSHAP
has them ([ADR 34](adr/0034-explanations.md)); of sums a column's weight times its distance from its mean over the
training rows. What was made of a feature, such as columns of 0 and 1 or a filled and scaled number, is credited to
it. The scale is log-odds where a logistic function makes the probability, and the probability itself for forests; log
where an exponential makes the number, else the number.

Of the above these have no explanations as they are tried, since their answer is no sum over features, or a column of
several features is not linear in them: {", ".join(f"`{name}`" for name in sorted(NOT_EXPLAINED))}.
Of more than two classes each has its own base and contributions, on the scale that softmax takes (`logit`) or, of
forests, as probabilities; {" and ".join(f"`{name}`" for name in sorted(ONLY_OF_TWO_EXPLAINED))} have
none there, which share out one answer for each class. A version that was trained before there were any says so until
it is trained again. `evertrain check` says
of each model whether its predictions can be explained, and in what time. Where trees are many, fewer rows are
explained at once, so that a function of 1 GB answers in time.

{EXPLAINED_TABLE.read_text(encoding="utf-8").rstrip()}

## What is not

An encoder that raises on an unseen category (`handle_unknown="error"`): a caller can send one. A classifier without
probabilities (`LinearSVC`, `SVC`): put it into a `CalibratedClassifierCV`. A linear model of a feature that may be
null: put a `SimpleImputer` before it. Of the second tier also a function without a name (`lambda`), and whatever
skops cannot keep.

What is missing goes the way that each learner learnt. An unseen category does what its encoder does with it; where
LightGBM or XGBoost encode categories themselves, the flat format takes it as missing.
"""


def _except_of_two() -> str:
    return "".join(f"; `{name}` is of two alone" for name in sorted(OF_TWO_CLASSES))


def _table(title: str, flat: Iterable[str], second: Iterable[str] = ()) -> str:
    rows = [(name, Tier.FLAT, tolerance(name)) for name in flat]
    rows += [(name, Tier.SKLEARN, EXACT) for name in second]
    lines = [f"| {_code(name)} | {tier} | {allowed:.0e} |" for name, tier, allowed in sorted(rows)]
    return "\n".join([f"| {title} | tier | parity |", "|---|---|---|", *lines])


def _code(name: str) -> str:
    first, space, rest = name.partition(" ")
    return f"`{first}`{space}{rest}"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
