"""What function versions answered during a rollout is kept once, in memory and in DynamoDB alike."""

from dataclasses import replace

import pytest

from evertrain.adapters.memory.answers import InMemoryAnswerLog
from evertrain.adapters.release.answer_log import DynamoDBAnswerLog
from evertrain.domain.monitoring.performance import Sums
from evertrain.domain.release.answers import AnswerCounts, Answers, GroupAnswers
from evertrain.ports.answers import AnswerLog
from tests.builders.models import NOW, days

GROUP = GroupAnswers(squares=5, predictions=Sums(count=3, mean=0.5, spread=0.1), cells={-40: 1, 3: 2})
ANSWERS = Answers(
    function_version="7",
    first_at=NOW,
    name="a1",
    counts=AnswerCounts(
        requests=4, refused=1, failed=1, durations={-2: 1, 31: 1}, whole=GROUP, groups={"carrier=AA": GROUP}
    ),
)


@pytest.fixture(params=["memory", "dynamodb"])
def log(request: pytest.FixtureRequest) -> AnswerLog:
    if request.param == "memory":
        return InMemoryAnswerLog()
    return DynamoDBAnswerLog(table=request.getfixturevalue("table"))


def test_answers_are_kept_as_they_were_counted_and_once(log: AnswerLog) -> None:
    for _ in range(2):
        log.put("trips", ANSWERS)
    assert list(log.answers("trips", since=NOW)) == [ANSWERS]


def test_versions_and_deliveries_of_one_moment_stay_apart(log: AnswerLog) -> None:
    several = [ANSWERS, replace(ANSWERS, function_version="6"), replace(ANSWERS, name="b2")]
    for each in several:
        log.put("trips", each)
    found = list(log.answers("trips", since=NOW))
    assert len(found) == len(several)
    assert all(each in found for each in several)


def test_those_before_and_of_other_models_are_left_out(log: AnswerLog) -> None:
    log.put("trips", replace(ANSWERS, first_at=NOW - days(1)))
    log.put("boats", ANSWERS)
    assert list(log.answers("trips", since=NOW)) == []
