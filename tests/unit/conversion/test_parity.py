"""An estimator is asked for all altered rows at once; where it raises on some, the others are compared one by one."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from evertrain.conversion import ParityError, check_parity, to_flat
from evertrain.domain.training.evaluation import EstimatorFailed
from evertrain.scoring import FlatModel
from evertrain.scoring.container import pack, unpack
from tests.builders.models import a_model
from tests.builders.training_frames import CARRIERS, late, training_frame


@dataclass
class Asked:
    """A fitted estimator that refuses some rows, and remembers how many it was asked for at a time."""

    estimator: Any
    refuses_unseen: bool = False
    refuses_missing: bool = False
    asked: list[int] = field(default_factory=list)

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        if self.refuses_unseen and not frame["carrier"].isin(CARRIERS).all():
            raise ValueError("no such carrier")
        if self.refuses_missing and frame["wind"].isna().any():
            raise ValueError("no wind")
        self.asked.append(len(frame))
        return self.estimator.predict_proba(frame)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return training_frame().fillna({"wind": 0.0})


@pytest.fixture(scope="module")
def fitted(frame: pd.DataFrame) -> Any:
    return HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype").fit(frame, late(frame))


@pytest.fixture(scope="module")
def artifact(fitted: Any) -> bytes:
    return to_flat(fitted, a_model())


def test_rows_of_all_kinds_are_asked_for_together(frame: pd.DataFrame, fitted: Any, artifact: bytes) -> None:
    estimator = Asked(fitted)
    assert check_parity(estimator, frame, FlatModel.from_bytes(artifact)) < 1e-9
    as_in_training_and_altered, unseen = estimator.asked
    assert as_in_training_and_altered > len(frame) > unseen


def test_what_an_estimator_refuses_of_unseen_rows_is_not_compared_and_the_rest_is(
    frame: pd.DataFrame, fitted: Any, artifact: bytes
) -> None:
    estimator = Asked(fitted, refuses_unseen=True)
    assert check_parity(estimator, frame, FlatModel.from_bytes(artifact)) < 1e-9
    container = unpack(artifact)
    (step,) = (step for step in container.header["steps"] if step["operation"] == "trees")
    container.arrays[step["threshold"]][-1] += 1.0  # of a leaf
    with pytest.raises(ParityError, match="on rows"):
        check_parity(estimator, frame, FlatModel.from_bytes(pack(container.header, container.arrays)))


def test_what_an_estimator_refuses_of_rows_that_may_come_is_raised(
    frame: pd.DataFrame, fitted: Any, artifact: bytes
) -> None:
    with pytest.raises(EstimatorFailed, match="predict raised ValueError on rows without wind: no wind"):
        check_parity(Asked(fitted, refuses_missing=True), frame, FlatModel.from_bytes(artifact))
