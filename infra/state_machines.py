"""What our state machines have in common: how they are logged, and how they ask a function for a step."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct


def logged_state_machine(scope: Construct, definition: sfn.IChainable) -> sfn.StateMachine:
    """Executions are rare and their story worth keeping: every transition is logged and traced."""
    return sfn.StateMachine(
        scope,
        "Machine",
        definition_body=sfn.DefinitionBody.from_chainable(definition),
        tracing_enabled=True,
        logs=sfn.LogOptions(
            destination=logs.LogGroup(
                scope,
                "Logs",
                retention=logs.RetentionDays.THREE_MONTHS,
                removal_policy=RemovalPolicy.DESTROY,
            ),
            level=sfn.LogLevel.ALL,
            include_execution_data=True,
        ),
    )


def execution_arn(machine: sfn.StateMachine) -> str:
    """What the ARNs of its executions begin with."""
    return Stack.of(machine).format_arn(
        service="states",
        resource="execution",
        resource_name=machine.state_machine_name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def function_step(
    scope: Construct,
    step: StrEnum,
    *,
    function: lambda_.IFunction,
    payload: Mapping[str, object],
    result_path: str | None,
    non_retryable_errors: Sequence[str],
    max_attempts: int,
    name: str = "",
    wait_seconds_at: str = "",
) -> tasks.LambdaInvoke:
    """A task that asks `function` for a step. `name`: of the state, by default the step's in PascalCase.

    `result_path`: where the answer goes; None discards it. `non_retryable_errors`: answers, not accidents: asking
    again would not change them. `max_attempts`: after any other error. `wait_seconds_at`: the path of how long, in
    seconds, the state waits for whoever has its task token; the answer is theirs, and that the time is up is one too.
    """
    # A little more than the function's own, which gives the better message.
    timeout = sfn.Timeout.duration(function_timeout(function).plus(Duration.seconds(15)))
    if wait_seconds_at:
        timeout = sfn.Timeout.at(wait_seconds_at)
        non_retryable_errors = (*non_retryable_errors, "States.Timeout")
    state = tasks.LambdaInvoke(
        scope,
        name or state_name(step),
        lambda_function=function,
        payload=sfn.TaskInput.from_object({"step": str(step), **payload}),
        # Whoever has the token answers by themselves: there is no response to take apart.
        payload_response_only=None if wait_seconds_at else True,
        integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN if wait_seconds_at else None,
        result_path=result_path or sfn.JsonPath.DISCARD,
        task_timeout=timeout,
        retry_on_service_exceptions=False,  # the retries below are for those too
    )
    state.add_retry(errors=list(non_retryable_errors), max_attempts=0)
    state.add_retry(errors=["States.ALL"], interval=Duration.seconds(2), max_attempts=max_attempts, backoff_rate=3)
    return state


def state_name(step: StrEnum) -> str:
    """
    >>> from evertrain.domain.deployment.steps import LifecycleStep
    >>> state_name(LifecycleStep.ACQUIRE_LEASE)
    'AcquireLease'
    """
    return "".join(word.capitalize() for word in step.split("_"))


def function_timeout(function: lambda_.IFunction) -> Duration:
    timeout = function.timeout if isinstance(function, lambda_.Function) else None
    return timeout or Duration.minutes(1)
