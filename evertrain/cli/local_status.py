"""What is deployed in the embedded cloud, and what to do next."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from evertrain.adapters.aws.clients import client
from evertrain.adapters.release.deployed_models import deployed_models
from evertrain.adapters.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """`champion`: the version that answers; None before the first."""

    stage: str
    model: str
    champion: str | None


def local_models() -> list[LocalModel]:
    """Of all stages, at AWS_ENDPOINT_URL."""
    return [
        LocalModel(stage=stage, model=model, champion=_champion(stage, model))
        for stage, models in sorted(deployed_models(client("lambda")).items())
        for model in sorted(models)
    ]


def _champion(stage: str, model: str) -> str | None:
    champion = Stage.find(stage).registry.champion(model)
    return champion.version if champion else None


def next_command(found: Sequence[LocalModel], *, declared: Collection[str], stage: str) -> str:
    """`declared`: the models of the project's folder. `stage`: where they belong.

    >>> next_command([], declared=["loans"], stage="local")
    'evertrain local up'
    >>> loans = LocalModel(stage="local", model="loans", champion=None)
    >>> next_command([loans], declared=["loans"], stage="local")
    'eval "$(evertrain local env)" && evertrain backfill loans --rows FILE'
    """
    there = {each.model: each for each in found if each.stage == stage}
    enter = 'eval "$(evertrain local env)"'
    if set(declared) != set(there):
        return "evertrain local up"
    untrained = next((each.model for each in there.values() if each.champion is None), None)
    return f"{enter} && evertrain " + (f"backfill {untrained} --rows FILE" if untrained else "status")
