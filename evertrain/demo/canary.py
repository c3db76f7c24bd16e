"""The demo's last scene: a model that went wrong is let in to a quarter of the callers, and goes back by itself.

In a replay nobody asks while a rollout bakes, so here the demo is the callers, and takes the steps itself: by the use
cases, the alias, the HTTP API and the collector that a rollout has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from evertrain.adapters.stage import Stage
from evertrain.conversion import to_flat
from evertrain.domain.deployment.prefixes import ArtifactPrefix
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.policies import ARTIFACT_SUFFIXES, Tier
from evertrain.domain.release.registry import ModelVersion, VersionStatus
from evertrain.domain.release.rollout import ContenderUnwell, RolloutInterrupted, StepUnderWay
from evertrain.domain.training.evaluation import SmokeTest
from evertrain.scoring import FlatModel
from evertrain.terminal.waiting import wait_until
from evertrain.use_cases.release.take_steps import TakeSteps

SHARE_STEP = 1
"""Of the default steps: a quarter of the requests."""

REQUESTS = 500

Rows = Sequence[dict[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryStory:
    """`answered`: how many of `requests` the spoilt version answered before it was `unwell`, and why."""

    version: str
    requests: int
    answered: int
    unwell: str
    seconds: float


def let_a_spoilt_model_in(stage: Stage, spec: ModelSpec, rows: Rows) -> CanaryStory | None:
    """None where an earlier run has shown it: the version stays rolled back. None, too, where the stage looked just
    then for what was cut off: without an execution, so does this look. Raises WaitedTooLong where it was not found
    out."""
    champion = stage.registry.champion(spec.name)
    if champion is None:
        return None
    spoilt = _register(stage, spec, stage.registry.version(spec.name, champion.version), rows[0])
    if spoilt.status is not VersionStatus.REGISTERED:
        return None
    published, take_steps = stage.roll_out.publish(spec.name, spoilt.version), stage.take_steps
    stage.roll_out.smoke_test(spec.name, spoilt.version, function_version=published.function_version)
    began = monotonic()
    try:
        for number in range(SHARE_STEP + 1):
            step = take_steps.shift(
                spec.name,
                spoilt.version,
                function_version=published.function_version,
                previous_function_version=published.previous_function_version,
                expected_champion=champion.version,
                step=number,
            )
        answers = [stage.api.predict(spec.name, rows[number % len(rows)]) for number in range(REQUESTS)]
        unwell = wait_until(
            lambda: _trouble(take_steps, spoilt, step),
            seconds=120,
            awaited="the collector, and what is wrong with the spoilt model",
        )
    except RolloutInterrupted:
        return None
    finally:
        stage.roll_out.rollback(
            spec.name, spoilt.version, previous_function_version=published.previous_function_version
        )
    answered = sum(each["model_version"] == spoilt.version for each in answers)
    return CanaryStory(
        version=spoilt.version,
        requests=REQUESTS,
        answered=answered,
        unwell=unwell,
        seconds=monotonic() - began,
    )


def _trouble(take_steps: TakeSteps, spoilt: ModelVersion, step: StepUnderWay) -> str | None:
    try:
        take_steps.look(spoilt.model, spoilt.version, step)
    except ContenderUnwell as unwell:
        return str(unwell)
    return None


def _register(stage: Stage, spec: ModelSpec, champion: ModelVersion, row: dict[str, object]) -> ModelVersion:
    """As if it had been trained beside the champion, from the same plan."""
    name = f"{champion.version}-spoilt"
    artifact = spoilt_artifact(spec)
    prefix, suffix = f"{ArtifactPrefix.MODELS}/{spec.name}", ARTIFACT_SUFFIXES[Tier.FLAT]
    stored = stage.artifacts.put(artifact, prefix=prefix, suffix=suffix)
    smoke_test = SmokeTest(rows=(row,), predictions=tuple(FlatModel.from_bytes(artifact).predict([row])))  # type: ignore[arg-type]
    stage.registry.register(
        replace(
            champion,
            version=name,
            status=VersionStatus.REGISTERED,
            artifact_uri=stored.uri,
            artifact_sha256=stored.sha256,
            smoke_test_uri=stage.runs.put_smoke_test(stage.runs.plan(champion.plan_uri), smoke_test),
        )
    )
    return stage.registry.version(spec.name, name)


def spoilt_artifact(spec: ModelSpec) -> bytes:
    """A model that passes for one, and says the same of every row."""
    number = next(each.name for each in spec.features if each.kind is FeatureKind.NUMERIC)
    estimator = make_pipeline(make_column_transformer((SimpleImputer(), [number])), LogisticRegression())
    # Of the other features nothing is learnt.
    rows = pd.DataFrame({name: [0.0, 1.0] for name in spec.feature_names})
    estimator.fit(rows, np.array([0, 1]))
    last = estimator[-1]
    last.coef_, last.intercept_ = np.zeros_like(last.coef_), np.array([-1.4])
    return to_flat(estimator, spec)
