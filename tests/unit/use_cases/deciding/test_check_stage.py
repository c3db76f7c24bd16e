"""What is wrong with a stage is told with its remedy, and nothing where nothing is."""

from dataclasses import replace

import pytest

from evertrain.domain.monitoring.drift import DriftStatus
from evertrain.ports.endpoint import Live
from evertrain.ports.messages import Subscribers
from evertrain.use_cases.deciding.check_stage import check_stage
from evertrain.use_cases.deciding.model_status import ModelStatus
from tests.builders.models import a_champion, a_verdict

TOLD = Subscribers(confirmed=1, pending=0)
CHAMPION = a_champion()
GOOD = ModelStatus(
    model="trips",
    title="whether a trip is late",
    champion=CHAMPION,
    live=Live(function_version=CHAMPION.function_version),
    rollout=None,
    features=None,
    labels=None,
    verdicts=[a_verdict(days_ago=1)],
    last_decision=None,
    last_outcome=None,
    retraining_running=False,
    consecutive_quarantines=0,
)
BLIND = replace(a_verdict(days_ago=1, status=DriftStatus.NO_REFERENCE), trouble="the reference of v1 can't be used")


def test_where_all_is_well_nothing_is_told() -> None:
    checked = check_stage("dev", subscribers=TOLD, dead_letters={"landed": 0}, statuses=[GOOD])
    assert (checked.problems, checked.models) == ((), ("trips",))


@pytest.mark.parametrize(
    ("confirmed", "pending", "told"),
    [
        (0, 0, ["nobody is told when a person is needed; deploy with -c notify=you@example.com"]),
        (0, 1, ["nobody is told when a person is needed; 1 address has not confirmed yet: follow the link that was"]),
        (1, 2, ["2 addresses have not confirmed yet: follow the link that was sent there"]),
        (2, 0, []),
    ],
)
def test_who_would_be_told(confirmed: int, pending: int, told: list[str]) -> None:
    checked = check_stage(
        "dev", subscribers=Subscribers(confirmed=confirmed, pending=pending), dead_letters={}, statuses=[]
    )
    assert [each[: len(told[0])] for each in checked.problems] == told


def test_what_waits_is_told_with_the_command_that_hands_it_out_again() -> None:
    checked = check_stage("dev", subscribers=TOLD, dead_letters={"landed": 0, "due": 1}, statuses=[])
    (problem,) = checked.problems
    assert problem.startswith("due: 1 message could not be worked off")
    assert problem.endswith("`evertrain redrive due`")


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (replace(GOOD, live=None), "it has no endpoint"),
        (replace(GOOD, live=Live(function_version="7")), "does not answer with the champion"),
        (replace(GOOD, verdicts=[BLIND]), "not watched for drift, the reference of v1 can't be used"),
    ],
)
def test_a_model_that_is_not_as_it_should_be(status: ModelStatus, told: str) -> None:
    (problem,) = check_stage("dev", subscribers=TOLD, dead_letters={}, statuses=[status]).problems
    assert problem.startswith("trips: ")
    assert told in problem


def test_a_rollout_may_be_ahead_of_the_champion() -> None:
    ahead = replace(GOOD, live=Live(function_version="7"), retraining_running=True)
    assert check_stage("dev", subscribers=TOLD, dead_letters={}, statuses=[ahead]).problems == ()
