"""A person takes a champion back: in one call, whatever happens in between, and only to what has answered before."""

from dataclasses import dataclass, replace
from datetime import datetime

import pytest

from evertrain.adapters.memory.artifacts import InMemoryArtifactStore
from evertrain.adapters.memory.endpoint import InMemoryEndpoint
from evertrain.adapters.memory.registry import InMemoryModelRegistry
from evertrain.conversion import to_flat
from evertrain.domain.release.registry import Champion, RegistryConflict, VersionStatus
from evertrain.domain.release.rollout import Rollout
from evertrain.domain.training.evaluation import SmokeTest
from evertrain.ports.endpoint import EndpointError, Live
from evertrain.scoring import FlatModel
from evertrain.use_cases.release.roll_out import RollOut
from evertrain.use_cases.release.take_back import NothingToTakeBack, TakeBack
from evertrain.use_cases.release.take_steps import live_of
from tests.builders.crash_injection import Crash, CrashInjector
from tests.builders.models import NOW, a_model, days
from tests.builders.registry import a_version
from tests.builders.training_frames import late, training_frame
from tests.unit.conversion.test_flat import boosting

ROW = {"distance": 500.0, "wind": None, "carrier": "AA", "holiday": True}


@dataclass
class Clock:
    time: datetime

    def now(self) -> datetime:
        return self.time


class SmokeTests:
    """What each version predicted in training, by its address."""

    def __init__(self, predictions: dict[str, float]) -> None:
        self._predictions = predictions

    def smoke_test(self, uri: str) -> SmokeTest:
        return SmokeTest(rows=(ROW,), predictions=(self._predictions[uri],))


@dataclass
class Release:
    """Versions v1, v2 and v3, champions one after the other."""

    registry: InMemoryModelRegistry
    endpoint: InMemoryEndpoint
    smoke_tests: SmokeTests

    def take_back(self, crashes: CrashInjector | None = None, *, now: datetime = NOW + days(9)) -> TakeBack:
        injector = crashes or CrashInjector()
        registry, endpoint = injector.wrap(self.registry), injector.wrap(self.endpoint)
        roll_out = RollOut(registry=registry, endpoint=endpoint, runs=self.smoke_tests, clock=Clock(now))  # type: ignore[arg-type]
        return TakeBack(registry=registry, endpoint=endpoint, roll_out=roll_out, clock=Clock(now))

    @property
    def answering(self) -> str:
        return self.endpoint.predict("trips", qualifier="live", rows=[ROW]).model_version

    def statuses(self) -> list[str]:
        return [each.status.value for each in reversed(self.registry.versions("trips"))]


@pytest.fixture
def release() -> Release:
    artifacts = InMemoryArtifactStore()
    registry, endpoint = InMemoryModelRegistry(), InMemoryEndpoint(artifacts=artifacts, models=["trips"])
    frame, predictions, before = training_frame(), {}, None
    for number in (1, 2, 3):
        artifact = to_flat(
            boosting(categorical_features="from_dtype").fit(frame, late(frame, seed=number)), a_model()
        )
        stored = artifacts.put(artifact, prefix="models/trips", suffix=".flat.gz")
        version = replace(
            a_version(f"v{number}"),
            artifact_uri=stored.uri,
            artifact_sha256=stored.sha256,
            smoke_test_uri=f"s3://artifacts/smoke-tests/trips/{number}.json",
        )
        registry.register(version)
        (predictions[version.smoke_test_uri],) = FlatModel.from_bytes(artifact).predict([ROW])
        function = endpoint.publish(
            "trips", version=version.version, artifact_uri=stored.uri, artifact_sha256=stored.sha256
        )
        champion = Champion(
            model="trips",
            version=version.version,
            since=NOW + days(number),
            artifact_uri=stored.uri,
            artifact_sha256=stored.sha256,
            reference_uri=version.reference_uri,
            function_version=function,
            trained_until=NOW,
        )
        registry.promote(champion, expected_champion=before)
        endpoint.point_alias("trips", Live(function_version=function))
        before = version.version
    return Release(registry, endpoint, SmokeTests(predictions))


def test_the_one_before_answers_again(release: Release) -> None:
    taken_back = release.take_back().run("trips", because="nonsense at night")
    assert (taken_back.champion.version, taken_back.instead_of) == ("v2", "v3")
    assert release.answering == "v2"
    assert release.statuses() == ["retired", "champion", "rolled_back"]
    champion = release.registry.champion("trips")
    assert champion is not None
    assert (champion.since, champion.because) == (NOW + days(9), "nonsense at night")


def test_who_answered_last_is_told_also_where_the_clock_of_a_replay_stands_still(release: Release) -> None:
    taken_back = release.take_back(now=NOW + days(3)).run("trips")
    answered = release.registry.champion_at("trips", NOW + days(3.5))
    assert answered == taken_back.champion
    assert NOW + days(3) < taken_back.champion.since < NOW + days(3.1)


def test_once_more_goes_one_further_back_and_not_to_what_was_taken_back(release: Release) -> None:
    release.take_back().run("trips")
    assert release.take_back().run("trips").champion.version == "v1"
    assert release.statuses() == ["champion", "rolled_back", "rolled_back"]
    with pytest.raises(NothingToTakeBack, match="no champion before v1 that was not taken back itself"):
        release.take_back().run("trips")


def test_by_name_also_one_that_was_taken_back_answers_again(release: Release) -> None:
    release.take_back().run("trips")
    assert release.take_back().run("trips", "v3").instead_of == "v2"
    assert (release.answering, release.statuses()) == ("v3", ["retired", "rolled_back", "champion"])


def test_the_champion_itself_stays(release: Release) -> None:
    before = release.registry.history("trips")
    assert release.take_back().run("trips", "v3").instead_of is None
    assert release.registry.history("trips") == before


def test_where_a_rollout_has_moved_the_alias_the_champion_answers_again(release: Release) -> None:
    release.endpoint.point_alias("trips", Live(function_version="1"))
    assert release.take_back().run("trips").instead_of is None
    assert (release.answering, release.statuses()) == ("v3", ["retired", "retired", "champion"])


def test_a_canary_is_taken_back_and_can_t_go_a_step_further(release: Release) -> None:
    release.registry.register(a_version("v4"))
    canary = Rollout(
        model="trips",
        version="v4",
        function_version="1",
        champion="3",
        share=0.05,
        step_began_at=NOW,
    )
    release.registry.begin_step(canary)
    release.endpoint.point_alias("trips", live_of(canary))
    assert release.take_back().run("trips").instead_of is None
    assert release.endpoint.live("trips") == Live(function_version="3")
    assert release.registry.version("trips", "v4").status is VersionStatus.ROLLED_BACK
    with pytest.raises(RegistryConflict, match="v4 of trips is rolled_back: it can't be rolled out"):
        release.registry.begin_step(canary)


def test_what_never_answered_is_refused_with_what_did(release: Release) -> None:
    release.registry.register(a_version("v4"))
    with pytest.raises(NothingToTakeBack, match="v4 of trips has never answered; these have: v2, v1"):
        release.take_back().run("trips", "v4")


def test_without_a_champion_there_is_nothing_to_take_back(release: Release) -> None:
    with pytest.raises(NothingToTakeBack, match="others has no champion yet"):
        release.take_back().run("others")


def test_a_version_that_no_longer_answers_is_not_let_in(release: Release) -> None:
    release.endpoint.broken.add("2")
    with pytest.raises(EndpointError):
        release.take_back().run("trips")
    assert (release.answering, release.statuses()) == ("v3", ["retired", "retired", "champion"])


def test_a_retraining_that_was_judged_against_the_one_that_went_is_refused(release: Release) -> None:
    champion = release.registry.champion("trips")
    assert champion is not None
    release.registry.register(a_version("v4"))
    release.take_back().run("trips")
    with pytest.raises(RegistryConflict):
        release.registry.promote(replace(champion, version="v4"), expected_champion="v3")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 13))
def test_a_crash_at_any_call_is_mended_by_a_repeat_which_goes_no_further(
    release: Release, at: int, after: bool
) -> None:
    crashes = CrashInjector(at=at, after=after)
    try:
        release.take_back(crashes).run("trips")
    except Crash:
        champion = release.registry.champion("trips")
        assert champion is not None
        if champion.version == "v3" or release.answering != champion.version:
            release.take_back().run("trips")
    assert (release.answering, release.statuses()) == ("v2", ["retired", "champion", "rolled_back"])
    if at == 12:
        assert crashes.calls < at  # every call was tried
