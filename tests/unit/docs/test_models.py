"""The page of what can be served lists what the tests try, and no estimator that is converted is left out."""

from pathlib import Path

from evertrain.conversion.boosting_libraries import LIBRARY_ANSWERS
from evertrain.conversion.models import ANSWERS
from evertrain.conversion.transformers import TRANSFORMERS as CONVERTED
from tests.builders.estimators import CLASSIFIERS, REGRESSORS, TRANSFORMERS
from tests.builders.supported_models import page

REPOSITORY = Path(__file__).parents[3]
COMPOSED = {"Pipeline", "ColumnTransformer", "FrozenEstimator"}
"""What the others are made of."""


def test_what_is_committed_is_what_is_tried() -> None:
    assert (REPOSITORY / "docs/models.md").read_text(encoding="utf-8") == page(), "run `make reference`"


def test_every_estimator_that_is_converted_is_tried() -> None:
    converted = {each.__name__ for each in ANSWERS} | {name.split(".")[1] for name in LIBRARY_ANSWERS}
    assert converted - COMPOSED == {name.partition(" ")[0] for name in (*CLASSIFIERS, *REGRESSORS)}


def test_every_transformer_that_is_converted_is_tried() -> None:
    tried = {name.split("(")[0].split(",")[0].split(" ")[0] for name in TRANSFORMERS}
    assert {each.__name__ for each in CONVERTED} - COMPOSED <= tried
