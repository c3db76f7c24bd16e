"""The mirror of the registry: only where a server is named, beside the loop, with no more rights than it needs."""

import json
from typing import Any

from evertrain.domain.events import OUTCOME_EVENTS
from tests.infra.conftest import Assembly, Synthesise
from tests.infra.test_best_practices import SECRET


def test_without_a_server_there_is_no_mirror(assembly: Assembly) -> None:
    assert not mirrors(assembly)


def test_with_one_a_function_hears_of_every_end_and_of_the_time(synthesise: Synthesise) -> None:
    found = synthesise(mlflow="https://mlflow.example.com", mlflow_secret=SECRET)
    (function,) = mirrors(found)
    variables = function["Environment"]["Variables"]
    assert (variables["MLFLOW_TRACKING_URI"], variables["MLFLOW_SECRET_ARN"]) == (
        "https://mlflow.example.com",
        SECRET,
    )
    heard = [
        set(rule["EventPattern"]["detail-type"])
        for _, rule in found.resources("AWS::Events::Rule", "training")
        if rule["EventPattern"].get("source") == ["evertrain"]
    ]
    assert {str(each) for each in OUTCOME_EVENTS} in heard
    schedules = found.resources("AWS::Scheduler::Schedule", "training")
    assert "rate(1 hour)" in {schedule["ScheduleExpression"] for _, schedule in schedules}
    assert {"MirroredQueueUrl", "MirroredDeadQueueUrl"} <= set(found.templates["training"]["Outputs"])
    statements = [
        statement
        for name, policy in found.resources("AWS::IAM::Policy", "training")
        if "Mirror" in name and "Schedul" not in name
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    actions = {action for each in statements for action in as_list(each["Action"])}
    assert {"dynamodb:GetItem", "dynamodb:Query", "secretsmanager:GetSecretValue"} <= actions
    assert not actions & {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}
    (secret,) = [each for each in statements if each["Action"] == "secretsmanager:GetSecretValue"]
    assert secret["Resource"] == SECRET


def mirrors(assembly: Assembly) -> list[dict[str, Any]]:
    functions = assembly.resources("AWS::Lambda::Function", "training")
    return [properties for _, properties in functions if "lambdas.mirror" in json.dumps(properties)]


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
