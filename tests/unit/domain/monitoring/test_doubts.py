"""Doubts are settled by a person, or by batches that stay as they are; until then no row of them is learnt from."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from evertrain.domain.landing.batches import Fault, FaultStanding
from evertrain.domain.monitoring.doubts import Acceptance, settle, undecided
from evertrain.domain.monitoring.drift import DriftVerdict
from tests.builders.batches import FEATURES
from tests.builders.models import NOW, a_verdict, days

DOUBT = Fault(code="partly_missing", column="wind", message="wind: half is missing", standing=FaultStanding.DOUBTFUL)
OTHER = replace(DOUBT, column="distance")
CERTAIN = Fault(code="constant", column="wind", message="wind: all values are 0")
MARKS = {
    "?": (DOUBT,),
    "o": (OTHER,),
    "!": (replace(DOUBT, standing=FaultStanding.SETTLED),),
    ".": (),
}


def before(pattern: str) -> list[DriftVerdict]:
    """`?` the doubt, `o` another one, `!` settled, `.` a good batch; the newest first, a day apart."""
    return [replace(a_verdict(days_ago=1 + place), faults=MARKS[mark]) for place, mark in enumerate(pattern)]


def an_acceptance(*, days_ago: float, fault: Fault = DOUBT) -> Acceptance:
    return Acceptance(
        feed=FEATURES,
        batch_id="b1",
        code=fault.code,
        column=fault.column,
        event_time_max=NOW - days(days_ago),
        accepted_at=NOW - days(days_ago),
    )


def standing_after(
    pattern: str, *, fault: Fault = DOUBT, acceptances: Sequence[Acceptance] = (), trained_days_ago: float = 30
) -> FaultStanding:
    (settled,) = settle(
        [fault],
        before=before(pattern),
        acceptances=acceptances,
        trained_until=NOW - days(trained_days_ago),
    )
    return settled.standing


@pytest.mark.parametrize(
    ("pattern", "standing"),
    [
        ("", FaultStanding.DOUBTFUL),
        ("?", FaultStanding.DOUBTFUL),
        ("??", FaultStanding.SETTLED),
        ("?.?", FaultStanding.DOUBTFUL),
        ("oo", FaultStanding.DOUBTFUL),
        ("!", FaultStanding.SETTLED),
        (".!", FaultStanding.DOUBTFUL),
    ],
)
def test_a_doubt_that_stays_for_three_batches_is_settled(pattern: str, standing: FaultStanding) -> None:
    assert standing_after(pattern) is standing


def test_a_certain_fault_is_settled_by_no_number_of_batches() -> None:
    assert standing_after("???", fault=CERTAIN) is FaultStanding.CERTAIN


def test_what_a_person_accepted_is_settled_at_once_and_says_when() -> None:
    (settled,) = settle(
        [CERTAIN], before=[], acceptances=[an_acceptance(days_ago=2, fault=CERTAIN)], trained_until=NOW - days(9)
    )
    assert settled.standing is FaultStanding.SETTLED
    assert settled.message == "wind: all values are 0 (accepted by a person on 2013-03-30)"


def test_a_person_s_word_is_for_that_fault_of_that_column() -> None:
    assert standing_after("", fault=OTHER, acceptances=[an_acceptance(days_ago=2)]) is FaultStanding.DOUBTFUL


def test_a_person_s_word_ends_with_a_champion_that_has_learnt_from_such_rows() -> None:
    accepted = [an_acceptance(days_ago=5)]
    assert standing_after("", acceptances=accepted, trained_days_ago=6) is FaultStanding.SETTLED
    assert standing_after("", acceptances=accepted, trained_days_ago=4) is FaultStanding.DOUBTFUL


@pytest.mark.parametrize(
    ("pattern", "excluded"),
    [
        ("?", 1),
        ("?.", 1),
        (".?", 1),
        ("!??", 0),
        ("?!??", 1),
        ("!o?", 1),
        ("o", 1),
        ("", 0),
        ("!??..?", 1),
        ("!!??", 0),
    ],
)
def test_rows_of_a_doubtful_batch_are_excluded_until_it_is_settled(pattern: str, excluded: int) -> None:
    flagged = [verdict for verdict in before(pattern) if verdict.faults]
    found = undecided(flagged, [])
    assert len(found) == excluded
    for interval in found:
        assert any(interval.start == verdict.event_time_min < interval.end for verdict in flagged)


def test_rows_of_a_batch_that_a_person_accepted_are_learnt_from() -> None:
    flagged = before("??")  # checked now, and a day ago
    assert len(undecided(flagged, [an_acceptance(days_ago=0, fault=OTHER)])) == 2
    assert undecided(flagged, [an_acceptance(days_ago=0)]) == ()
    assert len(undecided(flagged, [an_acceptance(days_ago=0.5)])) == 1, "a later doubt is another matter"
