"""What the replay tells of a retraining."""

from evertrain.demo.progress import TOLD_AS
from evertrain.domain.events import OUTCOMES


def test_every_way_in_which_a_retraining_ends_has_a_word() -> None:
    assert set(TOLD_AS) == set(OUTCOMES)
    assert len(set(TOLD_AS.values())) == len(OUTCOMES)
