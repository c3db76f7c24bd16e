"""What the gate judges."""

from dataclasses import replace
from datetime import timedelta

from evertrain.domain.project.interval import Interval
from evertrain.domain.project.metric import Metric
from evertrain.domain.training.evaluation import Contender, Difference, Evaluation
from tests.builders.models import NOW, days
from tests.builders.registry import a_score, a_version


def an_evaluation(
    *,
    gain: float = 0.0,
    half_interval: float = 0.005,
    metric: Metric = Metric.ROC_AUC_SCORE,
    newer_by: timedelta = timedelta(days=28),
    days_judged: int = 7,
) -> Evaluation:
    """`gain`: of the contender over the champion; positive is better, whichever way the metric points. `newer_by`:
    how much later the contender's training rows end."""
    version, difference = a_version(), gain if metric.higher_is_better else -gain
    contender = Contender(
        candidate=version.candidate,
        training_set=version.training_set,
        validation_set=version.training_set,
        validation=version.validation,
        artifact_uri=version.artifact_uri,
        artifact_sha256=version.artifact_sha256,
        smoke_test_uri=version.smoke_test_uri,
        parity=0.0,
        training_seconds=1.0,
    )
    champion = replace(a_score(), metric=metric)
    return Evaluation(
        decision_id="d1",
        chosen=contender,
        contenders=(contender,),
        gate_set=replace(version.training_set, rows=Interval(start=NOW - days(10), end=NOW - days(3)), count=6_000),
        contender_score=replace(champion, value=champion.value + difference),
        champion_version="v0",
        champion_score=champion,
        difference=Difference(
            value=difference,
            low=difference - half_interval,
            high=difference + half_interval,
            standard_error=half_interval / 2,
            days=days_judged,
        ),
        champion_trained_until=contender.window.rows.end - newer_by,
    )
