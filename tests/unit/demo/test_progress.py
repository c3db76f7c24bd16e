"""What the replay tells of a retraining."""

from evertrain.domain.events import OUTCOME_EVENTS
from evertrain.terminal.retraining_progress import OUTCOME_NAMES


def test_every_way_in_which_a_retraining_ends_has_a_word() -> None:
    assert set(OUTCOME_NAMES) == set(OUTCOME_EVENTS)
    assert len(set(OUTCOME_NAMES.values())) == len(OUTCOME_EVENTS)
