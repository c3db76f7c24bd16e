"""What a command names is found, or it is told what there is."""

from dataclasses import replace

import pytest

from evertrain.cli.models import UnknownDecisionId, find_decision
from tests.builders.retraining import a_decision_to_retrain

NEWEST, OLDER = (a_decision_to_retrain(decision_id) for decision_id in ("ab12", "ab34"))


def test_a_decision_is_found_by_the_beginning_of_its_id_the_newest_first() -> None:
    assert find_decision([NEWEST, OLDER], "trips", "ab3") == OLDER
    assert find_decision([NEWEST, OLDER], "trips", "ab") == NEWEST
    assert find_decision([NEWEST, OLDER], "trips", "") == NEWEST


@pytest.mark.parametrize(
    ("beginning", "told"), [("zz", "trips has no decision zz"), ("", "trips has no decision yet")]
)
def test_one_that_is_not_there_is_told(beginning: str, told: str) -> None:
    there = [replace(OLDER)] if beginning else []
    with pytest.raises(UnknownDecisionId, match=told):
        find_decision(there, "trips", beginning)
