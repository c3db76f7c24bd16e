"""A model's own code is loaded from its folder; whatever is wrong with it is told in one sentence."""

from pathlib import Path

import pytest

from evertrain.adapters.training.estimators import InvalidEstimator, load_estimator


def a_project(root: Path, code: str | None) -> Path:
    folder = root / "models" / "trips"
    folder.mkdir(parents=True)
    if code is not None:
        (folder / "estimator.py").write_text(code, encoding="utf-8")
    return root


def test_the_estimator_gets_the_seed(tmp_path: Path) -> None:
    code = (
        "from sklearn.tree import DecisionTreeClassifier\n"
        "def make_estimator(*, seed):\n    return DecisionTreeClassifier(random_state=seed)\n"
    )
    estimator = load_estimator(a_project(tmp_path, code), "trips", seed=7)
    assert estimator.random_state == 7


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (None, "models/trips/estimator.py: there is no such file"),
        (
            "import nothing_of_the_kind",
            "nothing_of_the_kind is not installed here; write it into models/requirements.txt",
        ),
        ("def make_estimator(*, seed) return", "importing it raised SyntaxError"),
        ("x = 1", r"no function make_estimator\(\*, seed: int\) in it"),
        ("def make_estimator():\n    return 1", "raised TypeError: .*unexpected keyword argument 'seed'"),
        ("def make_estimator(*, seed):\n    return 1", r"returned int, which has no fit\(\)"),
    ],
)
def test_code_that_makes_no_estimator_is_refused(tmp_path: Path, code: str | None, told: str) -> None:
    with pytest.raises(InvalidEstimator, match=told):
        load_estimator(a_project(tmp_path, code), "trips", seed=7)
