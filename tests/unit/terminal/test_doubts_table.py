"""What people read of doubtful batches."""

import pytest

from evertrain.terminal.console import console
from evertrain.terminal.doubts_table import show_accepted, show_doubts
from evertrain.use_cases.landing.accept_batch import AcceptedBatch
from evertrain.use_cases.landing.doubted_batches import DoubtedBatch
from tests.builders.batches import FEATURES
from tests.builders.models import A_DOUBT, NOW


def a_doubted_batch(*, is_undecided: bool) -> DoubtedBatch:
    return DoubtedBatch(
        batch_id="0123456789abcdef",
        model="trips",
        group="trips",
        event_time_min=NOW,
        faults=(A_DOUBT,),
        is_undecided=is_undecided,
    )


@pytest.mark.parametrize(("is_undecided", "state"), [(True, "kept out of training"), (False, "learnt from")])
def test_a_doubtful_batch_is_listed_with_what_becomes_of_its_rows(is_undecided: bool, state: str) -> None:
    with console.capture() as shown:
        show_doubts([a_doubted_batch(is_undecided=is_undecided)])
    text = " ".join(shown.get().split())
    assert "0123456789ab" in text
    assert state.split(maxsplit=1)[0] in text
    assert "`evertrain accept BATCH` says that this is how it is now." in text


def test_without_doubts_it_says_so() -> None:
    with console.capture() as shown:
        show_doubts([])
    assert shown.get().strip() == "No batch is doubtful."


def test_an_accepted_fault_is_told_with_how_long_that_holds() -> None:
    with console.capture() as shown:
        show_accepted(AcceptedBatch(batch_id="b1", feed=FEATURES, faults=(A_DOUBT,), was_set_aside=True))
    text = " ".join(shown.get().split())
    assert text == (
        "accepted: wind: half is missing Batches of features/trips like this one are neither doubted nor set aside, "
        "until a champion has learnt from such rows. Batch b1 is landed again."
    )
