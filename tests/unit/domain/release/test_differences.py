"""Two versions are told apart by what differs, and by nothing else."""

from dataclasses import replace

from evertrain.domain.release.differences import Difference, differences
from tests.builders.registry import a_version


def test_a_version_is_like_itself() -> None:
    assert differences(a_version(), a_version()) == []


def test_what_differs_is_named_with_both_sides() -> None:
    other = replace(
        a_version(score=0.8),
        table_versions={"features/trips": 41, "labels/trips": 37},
        library_versions={"scikit-learn": "1.9.1", "xgboost": "3.2.0"},
    )
    assert differences(a_version(), other) == [
        Difference("version of features/trips", "40", "41"),
        Difference("roc_auc_score on validation", "0.7000", "0.8000"),
        Difference("roc_auc_score on the gate slice", "0.7000", "0.8000"),
        Difference("library xgboost", None, "3.2.0"),
    ]
