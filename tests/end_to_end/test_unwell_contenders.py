"""A contender that is unwell never becomes champion, whichever way it is unwell; on the deployed endpoint.

Versions are made by hand, each with another fault, and led through the steps of the rollout as the state machine
does. Callers ask by the HTTP API meanwhile; what they were answered comes to be known by the collector.
"""

import gzip
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from evertrain.adapters.aws.clients import client
from evertrain.adapters.release.prediction_client import PredictionRefused
from evertrain.conversion import to_flat
from evertrain.demo.canary import let_a_spoilt_model_in
from evertrain.demo.story import to_json_rows
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.release.registry import Champion, ModelVersion, VersionStatus
from evertrain.domain.release.rollout import ContenderUnwell
from evertrain.domain.training.evaluation import Difference, SliceComparison, SmokeTest
from evertrain.ports.endpoint import Live
from evertrain.scoring import FlatModel
from tests.end_to_end.loop import Loop
from tests.end_to_end.test_the_loop import look_again

pytestmark = pytest.mark.cloud

MODEL = "air_time"
HALF = 0.5


@dataclass
class Contender:
    """A version that was registered as if it had been trained beside the champion, and published."""

    loop: Loop
    version: ModelVersion
    numbers: dict[str, str]
    champion: str

    def shift(self, number: int = 0) -> dict[str, Any]:
        begun = {"number": number, "share": 0, "look": 1, "wait_seconds": 0}
        beside = {"expected_champion": self.champion}
        shifted, error = self.step("shift_alias", **self.numbers, **beside, rollout=begun)
        assert not error, shifted
        return dict(shifted)

    def unwell(self, shifted: dict[str, Any]) -> str:
        """Why it is taken back, once what was answered has come to be known."""

        def look() -> str | None:
            answered, error = self.step("health_check", rollout=shifted)
            return str(answered["errorMessage"]) if error == ContenderUnwell.__name__ else None

        return self.loop.wait(look, awaited="what is wrong with the contender")

    def step(self, name: str, **fields: Any) -> tuple[Any, str]:
        payload = {"step": name, "model": MODEL, "version": self.version.version, **fields}
        return self.loop.invoke(self.loop.function("Rollout"), payload)


@pytest.fixture(autouse=True, scope="module")
def nobody_mends_meanwhile(loop: Loop) -> Iterator[None]:
    """These rollouts have no execution: the look, each 15 minutes, for what was cut off would take them for such."""
    scheduler = client("scheduler")
    prefix = f"evertrain-{loop.stage.name}-"
    names = [
        each["Name"] for page in scheduler.get_paginator("list_schedules").paginate() for each in page["Schedules"]
    ]
    (name,) = [each for each in names if each.startswith(prefix) and "ReconcileTick" in each]
    found = scheduler.get_schedule(Name=name)
    settings = {key: found[key] for key in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")}
    scheduler.update_schedule(**settings, State="DISABLED")
    yield
    scheduler.update_schedule(**settings, State="ENABLED")


@pytest.fixture
def champion(loop: Loop) -> Iterator[Champion]:
    """It is champion afterwards too, and answers alone."""
    champion = loop.stage.registry.champion(MODEL)
    assert champion is not None
    yield champion
    assert loop.stage.registry.champion(MODEL) == champion
    assert loop.stage.endpoint.live(MODEL) == Live(function_version=champion.function_version)
    assert loop.stage.registry.rollout(MODEL) is None


@contextmanager
def contender(
    loop: Loop,
    champion: Champion,
    name: str,
    artifact: bytes,
    row: dict[str, object],
    *,
    steps: tuple[float, ...] = (HALF, 1.0),
) -> Iterator[Contender]:
    """Rolled back at the end, as the state machine does."""
    stage = loop.stage
    version = stage.registry.version(MODEL, champion.version)
    stored = stage.artifacts.put(artifact, prefix=f"models/{MODEL}", suffix=".flat.gz")
    plan = replace_rollout(loop, version, name, steps)
    version = replace(
        version,
        version=f"20000101-0000-{name}",
        status=VersionStatus.REGISTERED,
        plan_uri=plan,
        artifact_uri=stored.uri,
        artifact_sha256=stored.sha256,
        smoke_test_uri=stage.runs.put_smoke_test(stage.runs.plan(plan), smoke_test(artifact, row)),
    )
    stage.registry.register(version)
    made = Contender(loop, version, {}, champion.version)
    made.numbers, error = made.step("publish")
    assert not error, made.numbers
    try:
        yield made
    finally:
        began = time.monotonic()
        _, error = made.step("rollback", previous_function_version=made.numbers["previous_function_version"])
        assert not error
        print(f"{name}: taken back in {time.monotonic() - began:.2f} s")
    assert stage.registry.version(MODEL, version.version).status is VersionStatus.ROLLED_BACK


def replace_rollout(loop: Loop, version: ModelVersion, name: str, steps: tuple[float, ...]) -> str:
    """A plan like the version's, of other steps."""
    runs = loop.stage.runs
    plan = runs.plan(version.plan_uri)
    spec = replace(plan.spec, rollout=replace(plan.spec.rollout, steps=steps, bake=timedelta(minutes=1)))
    other = replace(plan, spec=spec, decision_id=f"canary-{name}")
    runs.put_plan(other)
    runs.put_evaluation(other, replace(runs.evaluation(plan), apart={"": 0.1}))
    return runs.plan_uri(other)


def smoke_test(artifact: bytes, row: dict[str, object]) -> SmokeTest:
    try:
        predictions = FlatModel.from_bytes(artifact).predict([row])
    except Exception:
        predictions = [0.0]  # it is not to get so far
    return SmokeTest(rows=(row,), predictions=tuple(predictions))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def spec(loop: Loop) -> ModelSpec:
    return loop.project.models[MODEL]


@pytest.fixture(scope="session")
def rows(loop: Loop, spec: ModelSpec) -> Sequence[dict[str, object]]:
    flights = loop.flights.table
    return to_json_rows(flights[flights["day"] == loop.today], spec)[:300]


def ask(loop: Loop, rows: Sequence[Any], requests: int) -> list[str]:
    """The versions that answered, "" where none did."""

    def one(number: int) -> str:
        try:
            return str(loop.stage.api.predict(MODEL, rows[number % len(rows)])["model_version"])
        except PredictionRefused:
            return ""

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(one, range(requests)))


def of_distances(spec: ModelSpec, distances: np.ndarray[Any, np.dtype[np.float64]]) -> pd.DataFrame:
    """Rows of whose other features nothing is learnt."""
    return pd.DataFrame(dict.fromkeys(spec.feature_names, 0.0) | {"distance": distances})[list(spec.feature_names)]


def a_line(spec: ModelSpec, slope: float, intercept: float) -> bytes:
    estimator = make_pipeline(make_column_transformer((SimpleImputer(), ["distance"])), LinearRegression())
    estimator.fit(of_distances(spec, np.array([0.0, 1.0])), np.array([0.0, 1.0]))
    estimator[-1].coef_, estimator[-1].intercept_ = np.array([slope]), intercept
    return to_flat(estimator, spec)


def test_who_throws_does_not_get_past_the_smoke_test(loop: Loop, champion: Champion, rows: Sequence[Any]) -> None:
    broken = gzip.compress(b"evertrain-flat2\nnothing that could answer")
    with contender(loop, champion, "throws", broken, rows[0]) as made:
        answered, error = made.step("smoke_test", function_version=made.numbers["function_version"])
        assert error == "EndpointError", answered


def test_who_answers_no_number_for_some_callers_is_taken_back(
    loop: Loop, champion: Champion, spec: ModelSpec, rows: Sequence[Any]
) -> None:
    """The row of its smoke test is none of them."""
    near = rows[0] | {"distance": 1e-3}
    with contender(loop, champion, "nan", a_line(spec, 1e308, 0.0), near) as made:
        _, error = made.step("smoke_test", function_version=made.numbers["function_version"])
        assert not error
        shifted = made.shift()
        answered = ask(loop, rows, 60)
        assert 10 < answered.count("") < 50, "half of the callers, by chance"
        assert f"is unwell at 50% of the requests: it refused {answered.count('')} of " in made.unwell(shifted)


def test_who_is_slow_is_taken_back(loop: Loop, champion: Champion, spec: ModelSpec, rows: Sequence[Any]) -> None:
    forest = RandomForestRegressor(1_200, max_depth=9, random_state=0)
    estimator = make_pipeline(make_column_transformer((SimpleImputer(), ["distance"])), forest)
    distances = np.linspace(80, 5000, 3000)
    minutes = distances / 8 + np.random.default_rng(0).normal(0, 9, 3000)
    estimator.fit(of_distances(spec, distances), minutes)
    many = {"rows": [dict(row) for row in rows] * 15}
    with contender(loop, champion, "slow", to_flat(estimator, spec), rows[0]) as made:
        shifted = made.shift()
        for _ in range(24):
            loop.stage.api.predict(MODEL, many)
        assert "it took more than 1,000 ms for " in made.unwell(shifted)


def test_who_says_the_same_of_everybody_is_taken_back(
    loop: Loop, champion: Champion, spec: ModelSpec, rows: Sequence[Any]
) -> None:
    with contender(loop, champion, "constant", a_line(spec, 0.0, 150.0), rows[0]) as made:
        shifted = made.shift()
        answered = ask(loop, rows, 320)
        assert set(answered) == {champion.version, made.version.version}
        share = answered.count(made.version.version) / len(answered)
        assert abs(share - HALF) < 5 * (HALF * HALF / len(answered)) ** 0.5, "within five standard deviations"
        assert "rows, the champion does not" in made.unwell(shifted)


def test_a_shadow_that_is_unwell_answers_nobody(
    loop: Loop, champion: Champion, spec: ModelSpec, rows: Sequence[Any]
) -> None:
    near = rows[0] | {"distance": 1e-3}
    with contender(loop, champion, "shadow", a_line(spec, 1e308, 0.0), near, steps=(0.0, 1.0)) as made:
        shifted = made.shift()
        assert set(ask(loop, rows, 40)) == {champion.version}
        assert "is unwell as a shadow: it failed in " in made.unwell(shifted)


def test_a_rollout_that_was_cut_off_is_mended(
    loop: Loop, champion: Champion, spec: ModelSpec, rows: Sequence[Any]
) -> None:
    """No execution goes on with it: the champion answers alone again, and the contender is not promoted any more."""
    with contender(loop, champion, "cut-off", a_line(spec, 0.1, 20.0), rows[0]) as made:
        made.shift()
        assert loop.stage.registry.rollout(MODEL) is not None
        look_again(loop)
        loop.wait(lambda: loop.stage.registry.rollout(MODEL) is None or None, awaited="the rollout's end")
        assert loop.stage.endpoint.live(MODEL) == Live(function_version=champion.function_version)
        assert loop.stage.registry.version(MODEL, made.version.version).status is VersionStatus.ROLLED_BACK


def test_who_is_worse_on_one_group_is_refused_by_the_gate(loop: Loop) -> None:
    """The gate's own function, on an evaluation whose contender is better but for one airport."""
    runs = loop.stage.runs
    version = next(
        each for each in loop.stage.registry.versions("flights") if runs.evaluation(runs.plan(each.plan_uri)).promised
    )
    plan = runs.plan(version.plan_uri)
    other = replace(plan, decision_id="canary-group", champion_version=version.version)
    evaluation = runs.evaluation(plan)
    score = evaluation.contender_score
    blind = SliceComparison(
        column="origin", level="JFK", rows=900, champion=0.7, contender=0.5, difference=a_difference(-0.2)
    )
    runs.put_plan(other)
    runs.put_evaluation(
        other,
        replace(
            evaluation,
            decision_id=other.decision_id,
            champion_version=version.version,
            champion_score=score,
            difference=a_difference(0.02),
            slices=(blind,),
        ),
    )
    judged, error = loop.invoke(loop.function("Lifecycle"), {"step": "gate", "plan_uri": runs.plan_uri(other)})
    assert not error, judged
    assert judged["passed"] is False
    assert "origin=JFK" in judged["sentence"]


def a_difference(value: float) -> Difference:
    return Difference(value=value, low=value - 0.01, high=value + 0.01, standard_error=0.005, days=7)


def test_the_demo_s_spoilt_model_is_taken_back_once(loop: Loop) -> None:
    spec, flights = loop.project.models["flights"], loop.flights.table
    rows = to_json_rows(flights[flights["day"] == loop.today], spec)
    story = let_a_spoilt_model_in(loop.stage, spec, rows)
    assert story is not None
    assert 60 < story.answered < 190
    assert "the champion does not" in story.unwell or "Kolmogorov" in story.unwell
    assert let_a_spoilt_model_in(loop.stage, spec, rows) is None, "it was shown"
    champion = loop.stage.registry.champion("flights")
    assert champion is not None
    assert loop.stage.endpoint.live("flights") == Live(function_version=champion.function_version)


def test_the_champion_comes_to_the_callers_again_by_the_whole_machine(loop: Loop) -> None:
    """`evertrain rollout`: nothing is trained; with the same code nothing changes but that it was asked."""
    before, versions = loop.stage.registry.champion(MODEL), len(loop.stage.registry.versions(MODEL))
    asked = loop.stage.ask_rollout.run(MODEL, because="to be sure")
    outcome = loop.outcome(asked)
    assert (outcome.name, outcome.version) == ("ModelPromoted", before.version if before else "")
    assert loop.stage.registry.champion(MODEL) == before
    assert len(loop.stage.registry.versions(MODEL)) == versions
