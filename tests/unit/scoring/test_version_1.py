"""An artifact of the first version answers as it did when it was made: deployed champions are read by newer code."""

import json
from pathlib import Path

import pytest

from evertrain.scoring import FlatModel

ARTIFACTS = Path(__file__).parent / "version_1"
NAMES = sorted(path.name.removesuffix(".json.gz") for path in ARTIFACTS.glob("*.json.gz"))


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_to_the_last_bit(name: str) -> None:
    model = FlatModel.from_bytes((ARTIFACTS / f"{name}.json.gz").read_bytes())
    known = json.loads((ARTIFACTS / f"{name}.answers.json").read_text())
    assert model.predict(known["rows"]) == known["predictions"]


def test_each_kind_of_encoder_and_total_is_among_them() -> None:
    assert NAMES == ["boosting", "codes", "linear", "logistic", "poisson"]
