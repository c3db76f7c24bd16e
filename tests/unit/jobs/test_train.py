"""The training container's door: told by environment or by arguments what to do, and how it says that it cannot."""

import logging
import re
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sklearn.linear_model import LogisticRegression

from jobs.train import __main__ as job
from jobs.train import contender, evaluation, wiring
from tests.builders.retraining import Retraining

SLOW_DOWN = ClientError({"Error": {"Code": "SlowDown", "Message": "Slow down."}}, "GetObject")


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Retraining:
    loop = Retraining()
    monkeypatch.setattr(contender, "train_contender", lambda: loop.train_contender)
    monkeypatch.setattr(evaluation, "evaluate_contenders", lambda: loop.evaluate_contenders)
    return loop


def test_the_state_machine_names_the_work_by_environment(loop: Retraining, caplog: pytest.LogCaptureFixture) -> None:
    plan_uri = loop.plan("d-1").plan_uri
    with caplog.at_level(logging.INFO):
        for candidate in ("14d", "28d"):
            environment = {"EVERTRAIN_JOB": "contender", "PLAN_URI": plan_uri, "CANDIDATE": candidate, "ROUND": "1"}
            assert job.main([], environment) == 0
        assert job.main([], {"EVERTRAIN_JOB": "evaluate", "PLAN_URI": plan_uri, "ROUND": "1"}) == 0
    assert loop.gate(plan_uri).passed
    told = [message.split()[0] for message in caplog.messages]
    of_one = ["rows_read", "fitted", "contender_trained", "candidate_tried"]
    assert told == [*2 * of_one, "contender_chosen", *of_one[:3], "refitted", "contenders_evaluated"]
    assert "metric=roc_auc_score" in caplog.messages[3]
    assert "champion=none" in caplog.messages[-1]


def test_a_person_names_it_by_arguments(loop: Retraining) -> None:
    plan_uri = loop.plan("d-1").plan_uri
    assert job.main(["contender", "--plan", plan_uri, "--candidate", "14d", "--round", "1"], {}) == 0


def test_work_that_cannot_be_done_ends_with_one_sentence(
    loop: Retraining, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "runs", lambda: loop.runs)
    plan_uri = loop.plan("d-1").plan_uri
    assert job.main(["contender", "--plan", plan_uri, "--candidate", "3d", "--round", "1"], {}) == 1
    told = capsys.readouterr().err
    assert told == "UnknownCandidate: decision d-1 plans the candidates 14d, 28d, not '3d'\n"
    assert loop.runs.failure("trips", "d-1") == told.strip()


def test_a_fault_of_the_cloud_is_tried_again(
    loop: Retraining, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    paused: list[float] = []
    faults = iter([SLOW_DOWN, OSError("Generic S3 error: 503")])
    an_estimator = loop.train_contender.make_estimator

    def fail_twice(*arguments: Any) -> Any:
        for fault in faults:
            raise fault
        return an_estimator(*arguments)

    monkeypatch.setattr(job, "sleep", paused.append)
    loop.train_contender = replace(loop.train_contender, make_estimator=fail_twice)
    plan_uri = loop.plan("d-1").plan_uri
    assert job.main(["contender", "--plan", plan_uri, "--candidate", "14d", "--round", "1"], {}) == 0
    assert paused == [5, 20]
    assert sum(message.startswith("job_repeated") for message in caplog.messages) == 2


@pytest.mark.parametrize(
    ("raised", "sentence"),
    [
        (ValueError("['wind'] holds 'Alice Example'"), "ValueError: ['wind'] holds '…'"),
        (
            SLOW_DOWN,
            "ClientError: An error occurred (SlowDown) when calling the GetObject operation: Slow down.",
        ),
        (MemoryError(), "MemoryError"),
    ],
)
def test_whatever_fails_ends_with_its_sentence_and_tells_nothing_of_a_row(
    loop: Retraining,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    raised: Exception,
    sentence: str,
) -> None:
    def fail(*_: object) -> Any:
        raise raised

    monkeypatch.setattr(wiring, "runs", lambda: loop.runs)
    monkeypatch.setattr(job, "sleep", lambda _: None)
    loop.train_contender = replace(loop.train_contender, make_estimator=fail)
    plan_uri = loop.plan("d-1").plan_uri
    assert job.main(["contender", "--plan", plan_uri, "--candidate", "14d", "--round", "1"], {}) == 1
    assert capsys.readouterr().err == f"{sentence}\n"
    assert loop.runs.failure("trips", "d-1") == sentence


def test_an_estimator_that_cannot_be_fitted_is_told_with_its_file_and_no_value_of_a_row(
    loop: Retraining,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Demanding(LogisticRegression):  # type: ignore[misc]
        def fit(self, *_: object) -> Any:
            raise ValueError("column 'wind' cannot hold 'Alice Example'")

    monkeypatch.setattr(wiring, "runs", lambda: loop.runs)
    plan_uri = loop.plan("d-1").plan_uri
    loop.train_contender = replace(loop.train_contender, make_estimator=lambda *_: Demanding())
    with caplog.at_level(logging.INFO):
        assert job.main(["contender", "--plan", plan_uri, "--candidate", "14d", "--round", "1"], {}) == 1
    told = capsys.readouterr().err
    assert re.fullmatch(
        r"EstimatorFailed: models/trips/estimator\.py: fit raised ValueError on [\d,]+ rows: "
        r"column 'wind' cannot hold '…'\n",
        told,
    )
    assert loop.runs.failure("trips", "d-1") == told.strip()
    assert caplog.messages[-1].startswith("job_failed"), "with the trace: where in whose code it was raised"


def test_a_candidate_that_cannot_be_tried_is_no_failure(loop: Retraining, caplog: pytest.LogCaptureFixture) -> None:
    loop.set_all_labels(1.0)
    plan_uri = loop.plan("d-1").plan_uri
    with caplog.at_level(logging.INFO):
        assert job.main(["contender", "--plan", plan_uri, "--candidate", "14d", "--round", "1"], {}) == 0
    assert "candidate_unusable" in caplog.messages[-1]
    assert "nothing can be told apart" in caplog.messages[-1]


def test_an_evaluation_before_every_window_is_trained_ends_with_one_sentence(
    loop: Retraining, capsys: pytest.CaptureFixture[str]
) -> None:
    plan_uri = loop.plan("d-1").plan_uri
    loop.train(plan_uri, "14d")
    assert job.main(["evaluate", "--plan", plan_uri, "--round", "1"], {}) == 1
    assert capsys.readouterr().err.startswith("ArtifactNotFound: ")


@pytest.mark.parametrize("arguments", [[], ["contender"], ["evaluate"], ["deploy", "--plan", "p"]])
def test_work_that_is_not_named_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        job.main(arguments, {})
    assert "usage: python -m jobs.train" in capsys.readouterr().err
