"""What people read of a batch that was accepted."""

from dataclasses import replace

from evertrain.domain.landing.batches import FaultStanding
from evertrain.terminal.console import console
from evertrain.terminal.show import accepted
from tests.builders.batches import a_batch
from tests.builders.models import A_DOUBT, a_verdict


def told(*faults: object) -> str:
    with console.capture() as shown:
        accepted(a_batch("0123456789abcdef"), [replace(a_verdict(days_ago=1), faults=faults)])
    return " ".join(shown.get().split())


def test_a_doubted_batch_is_told_with_its_doubts_what_becomes_of_its_rows_and_how_to_decide() -> None:
    assert told(A_DOUBT).endswith(
        "trips: stable trips: doubted: wind: half is missing its rows are kept out of the training of trips until "
        "the next batches decide, or you do: `evertrain accept 0123456789ab` says that this is how it is now; "
        "`evertrain doubts` lists all"
    )


def test_what_was_decided_is_no_doubt() -> None:
    for faults in ((), (replace(A_DOUBT, standing=FaultStanding.SETTLED),)):
        assert told(*faults).endswith("trips: stable")
