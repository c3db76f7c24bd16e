"""What judges the best contender against the champion."""

from functools import cache

from evertrain.adapters.aws.clients import client
from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.release.registry import DynamoDBModelRegistry
from evertrain.adapters.training.own_metrics import load_metric
from evertrain.domain.training.evaluation import Contender
from evertrain.domain.training.plan import TrainingPlan
from evertrain.use_cases.training.evaluate_contenders import EvaluateContenders
from jobs.train import wiring


@cache
def evaluate_contenders() -> EvaluateContenders:
    registry = DynamoDBModelRegistry(table=Table(client=client("dynamodb"), name=wiring.settings().registry_table))
    return EvaluateContenders(
        rows=wiring.training_rows(),
        runs=wiring.runs(),
        artifacts=wiring.artifacts(),
        registry=registry,
        refit=_refit,
        with_reference=_with_reference,
        load_metric=lambda spec: load_metric(wiring.root(), spec),
        read_model=wiring.read_model,
    )


def _refit(plan: TrainingPlan, judged: Contender) -> Contender:
    from jobs.train.contender import train_contender  # noqa: PLC0415  # brings scikit-learn, which judging needs not

    return train_contender().refit(plan, judged)


def _with_reference(plan: TrainingPlan, judged: Contender) -> Contender:
    from jobs.train.contender import train_contender  # noqa: PLC0415  # as above

    return train_contender().with_reference(plan, judged)
