"""What the templates tell functions and containers, beside what these ask for: both sides are read."""

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from evertrain.domain.deployment.steps import LargeBatchStep, LifecycleStep, RolloutStep, ScoringStep, TrainingJob
from evertrain.domain.deployment.variables import PINNED_VARIABLES, Variable
from jobs.train import __main__ as job
from lambdas.lifecycle import handler as lifecycle
from lambdas.monitor import large_batches
from lambdas.rollout import handler as rollout
from lambdas.score import parts as scoring_parts
from tests.infra.conftest import Assembly

State = dict[str, Any]


def machine(assembly: Assembly, stack: str) -> State:
    (_, properties), *_ = assembly.resources("AWS::StepFunctions::StateMachine", stack)
    parts = properties["DefinitionString"]["Fn::Join"][1]
    definition: State = json.loads("".join(part if isinstance(part, str) else "arn" for part in parts))
    return definition


def tasks(definition: State) -> Iterator[tuple[str, State]]:
    for name, state in definition["States"].items():
        if state["Type"] == "Map":
            yield from tasks(state["ItemProcessor"])
        elif state["Type"] == "Task":
            yield name, state


def payloads(assembly: Assembly, stack: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in tasks(machine(assembly, stack)):
        if "step" in str(state["Parameters"]):
            # What waits for a token gets its payload by way of an integration.
            yield name, state["Parameters"].get("Payload", state["Parameters"])


def fields_asked(step: Callable[..., object]) -> set[str]:
    """What a step cannot do without."""
    return set(re.findall(r'required_(?:text|count)\(payload, "(\w+)"\)', inspect.getsource(step)))


@pytest.mark.parametrize(
    ("stack", "steps", "names"),
    [
        ("training", lifecycle.STEPS, LifecycleStep),
        ("training", rollout.STEPS, RolloutStep),
        ("monitoring", large_batches.STEPS, LargeBatchStep),
        ("serving", scoring_parts.STEPS, ScoringStep),
    ],
)
def test_every_state_gives_its_step_the_fields_that_it_asks_for(
    assembly: Assembly, stack: str, steps: Mapping[str, Callable[..., object]], names: type
) -> None:
    assert set(steps) == set(names)
    asked_of = set()
    for name, payload in payloads(assembly, stack):
        step = payload["step"]
        if step not in steps:
            continue
        asked_of.add(step)
        given = {field.removesuffix(".$") for field in payload}
        assert fields_asked(steps[step]), step
        assert fields_asked(steps[step]) <= given, name
    assert asked_of == set(steps)


def test_every_job_of_the_container_is_started_with_what_it_parses(assembly: Assembly) -> None:
    started = set()
    for _, state in tasks(machine(assembly, "training")):
        for container in state["Parameters"].get("Overrides", {}).get("ContainerOverrides", ()):
            given = {each["Name"]: each.get("Value", "1") for each in container["Environment"]}
            assert set(given) <= set(Variable)
            parsed = job.parse([], given)
            assert parsed.plan
            assert parsed.round
            started.add(parsed.job)
    assert started == set(TrainingJob)


def test_functions_and_containers_are_told_by_variables_that_have_an_owner(assembly: Assembly) -> None:
    told = {
        name
        for _, properties in assembly.resources("AWS::Lambda::Function")
        for name in properties.get("Environment", {}).get("Variables", {})
    }
    told |= {
        each["Name"]
        for _, properties in assembly.resources("AWS::ECS::TaskDefinition")
        for container in properties["ContainerDefinitions"]
        for each in container["Environment"]
    }
    of_a_run = {Variable.JOB, Variable.PLAN_URI, Variable.CANDIDATE, Variable.ROUND}
    by_lambda_itself = {Variable.FUNCTION_VERSION}
    where_chosen = {Variable.BAKE_SECONDS, Variable.MLFLOW_TRACKING_URI, Variable.MLFLOW_SECRET_ARN}
    assert told == set(Variable) - set(PINNED_VARIABLES) - of_a_run - by_lambda_itself - where_chosen
