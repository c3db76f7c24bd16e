"""Alarms that call a person: each says what happened and what to look at, on the topic that people subscribe to."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from evertrain.adapters.monitoring.metrics import MODEL_DIMENSIONS, NAMESPACE

PERIOD = Duration.minutes(5)


def call_a_person(
    scope: Construct,
    name: str,
    *,
    metric: cloudwatch.IMetric,
    description: str,
    topic: sns.ITopic,
    threshold: float = 1,
    periods: int = 1,
    missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
) -> None:
    """When the metric is at or above `threshold` for so many of its periods in a row."""
    alarm = cloudwatch.Alarm(
        scope,
        name,
        metric=metric,
        alarm_description=description,
        threshold=threshold,
        evaluation_periods=periods,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=missing,
    )
    alarm.add_alarm_action(cloudwatch_actions.SnsAction(topic))


def call_when_executions_end(
    scope: Construct,
    name: str,
    *,
    machine: sfn.StateMachine,
    subject: str,
    ends: Sequence[str],
    remedy: str,
    topic: sns.ITopic,
) -> None:
    """`ends`: of the state machine's executions, some of "failed", "aborted" and "timed out"."""
    metrics = {
        "failed": (machine.metric_failed(period=PERIOD), "failed"),
        "aborted": (machine.metric_aborted(period=PERIOD), "was stopped"),
        "timed out": (machine.metric_timed_out(period=PERIOD), "took too long and was ended"),
    }
    for end in ends:
        metric, what = metrics[end]
        call_a_person(
            scope,
            f"{name}{end.title().replace(' ', '')}Alarm",
            metric=metric,
            description=f"{subject} {what}; {remedy}",
            topic=topic,
        )


def model_metric(
    metric: str,
    *,
    stage: str,
    model: str,
    statistic: str = cloudwatch.Stats.SUM,
    period: Duration = PERIOD,
    label: str | None = None,
) -> cloudwatch.Metric:
    """One of those that functions write to their logs."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=metric,
        dimensions_map=dict(zip(MODEL_DIMENSIONS, (stage, model), strict=True)),
        statistic=statistic,
        period=period,
        label=label,
    )
