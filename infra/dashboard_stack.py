"""What monitoring and maintenance tell CloudWatch, to look at: four rows of graphs and two alarms for each model.

A stack of its own: nothing depends on it, and LocalStack has no dashboards.
"""

from aws_cdk import Duration, StackSynthesizer
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from evertrain.adapters.monitoring.metrics import (
    BATCH_DIMENSIONS,
    DECLINED,
    ESTIMATED_METRIC,
    FEATURE_DIMENSIONS,
    LABEL_WATERMARK_AGE,
    NAMESPACE,
    PREDICTIONS_NOT_KEPT,
    PROMISED_METRIC,
    REALISED_METRIC,
)
from evertrain.domain.deployment.stacks import StackName
from evertrain.domain.landing.batches import FeedKind
from evertrain.domain.landing.predictions import PREDICTION
from evertrain.domain.project.model import ModelSpec, Project
from infra.alarms import model_metric
from infra.options import Options
from infra.stage_stack import StageStack

PERIOD = Duration.hours(1)
MAINTENANCE_PERIOD = Duration.days(1)


class DashboardStack(StageStack):
    """The alarms call nobody: the policy answers drift, and escalates what it cannot. They are there to be seen."""

    def __init__(
        self, scope: Construct, *, options: Options, project: Project, synthesizer: StackSynthesizer | None
    ) -> None:
        super().__init__(
            scope, StackName.DASHBOARD, options=options, synthesizer=synthesizer, about="drift and labels to look at"
        )
        self._stage = options.stage
        dashboard = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=f"{options.prefix}-drift")
        for model in sorted(project.models):
            spec = project.models[model]
            dashboard.add_widgets(
                self._feature_graph(spec, "PSI", "nats"),
                self._feature_graph(spec, "WassersteinNormalised", "standard deviations"),
                cloudwatch.AlarmStatusWidget(title=f"{model}: drift", alarms=[self._alarm(spec)], width=6, height=6),
            )
            dashboard.add_widgets(
                self._performance_graph(spec),
                cloudwatch.AlarmStatusWidget(
                    title=f"{model}: worse than promised", alarms=[self._decline_alarm(spec)], width=6, height=6
                ),
            )
            dashboard.add_widgets(self._request_graph(spec), self._lost_predictions_graph(spec))
            least, most = cloudwatch.Stats.MINIMUM, cloudwatch.Stats.MAXIMUM
            dashboard.add_widgets(
                self._label_graph(spec, "LabelCoverage", "share of matured rows with a label", least),
                self._label_graph(spec, "LabelLatencyP95", "95% of labels came within (hours)", most),
                self._label_graph(spec, LABEL_WATERMARK_AGE, "age of what labels are complete to (hours)", most),
            )

    def _feature_graph(self, spec: ModelSpec, metric: str, unit: str) -> cloudwatch.GraphWidget:
        return cloudwatch.GraphWidget(
            title=f"{spec.name}: {metric} by feature ({unit})",
            width=9,
            height=6,
            left=[self._metric(spec, FeedKind.FEATURES, metric, feature) for feature in spec.feature_names],
        )

    def _performance_graph(self, spec: ModelSpec) -> cloudwatch.GraphWidget:
        graphs = [
            model_metric(
                name,
                stage=self._stage,
                model=spec.name,
                statistic=cloudwatch.Stats.AVERAGE,
                period=PERIOD,
                label=label,
            )
            for name, label in (
                (REALISED_METRIC, "newest days with labels"),
                (PROMISED_METRIC, "at the gate"),
                (ESTIMATED_METRIC, "estimated: days without labels yet"),
            )
        ]
        return cloudwatch.GraphWidget(
            title=f"{spec.name}: {spec.metric} of the champion", width=18, height=6, left=graphs
        )

    def _decline_alarm(self, spec: ModelSpec) -> cloudwatch.Alarm:
        declined = model_metric(
            DECLINED, stage=self._stage, model=spec.name, statistic=cloudwatch.Stats.MAXIMUM, period=PERIOD
        )
        return cloudwatch.Alarm(
            self,
            f"Declined{spec.name}",
            metric=declined,
            alarm_description=f"{spec.name}: predictions are worse than promised at the gate, beyond chance. "
            f"`evertrain performance {spec.name}` shows since when and where; the policy retrains, "
            "unless that did not help before.",
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            threshold=1,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.IGNORE,
        )

    def _request_graph(self, spec: ModelSpec) -> cloudwatch.GraphWidget:
        names = (PREDICTION, *spec.feature_names)
        return cloudwatch.GraphWidget(
            title=f"{spec.name}: PSI of each day's requests and predictions (nats)",
            width=18,
            height=6,
            left=[self._metric(spec, FeedKind.PREDICTIONS, "PSI", name) for name in names],
        )

    def _lost_predictions_graph(self, spec: ModelSpec) -> cloudwatch.GraphWidget:
        lost = model_metric(PREDICTIONS_NOT_KEPT, stage=self._stage, model=spec.name, period=PERIOD)
        return cloudwatch.GraphWidget(title=f"{spec.name}: answers not kept", width=6, height=6, left=[lost])

    def _label_graph(self, spec: ModelSpec, metric: str, title: str, statistic: str) -> cloudwatch.GraphWidget:
        measured = model_metric(
            metric, stage=self._stage, model=spec.name, statistic=statistic, period=MAINTENANCE_PERIOD
        )
        return cloudwatch.GraphWidget(title=f"{spec.name}: {title}", width=8, height=6, left=[measured])

    def _metric(self, spec: ModelSpec, source: FeedKind, metric: str, feature: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=metric,
            dimensions_map=dict(
                zip(FEATURE_DIMENSIONS, (self._stage, spec.name, source.value, feature), strict=True)
            ),
            label=feature,
            statistic=cloudwatch.Stats.MAXIMUM,
            period=PERIOD,
        )

    def _alarm(self, spec: ModelSpec) -> cloudwatch.Alarm:
        """As often as the policy asks for, counted in hours that had a batch."""
        drifted = cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name="Drifted",
            dimensions_map=dict(
                zip(BATCH_DIMENSIONS, (self._stage, spec.name, FeedKind.FEATURES.value), strict=True)
            ),
            statistic=cloudwatch.Stats.MAXIMUM,
            period=PERIOD,
        )
        policy = spec.triggers.drift
        return cloudwatch.Alarm(
            self,
            f"Drift{spec.name}",
            metric=drifted,
            alarm_description=f"{spec.name}: drift in {policy.drifted_batches} of {policy.of_last} hours",
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            threshold=1,
            evaluation_periods=policy.of_last,
            datapoints_to_alarm=policy.drifted_batches,
            treat_missing_data=cloudwatch.TreatMissingData.IGNORE,
        )
