"""Versions are kept as they were registered; the champion changes by compare-and-swap, all of it or nothing."""

from dataclasses import replace

import pytest

from evertrain.adapters.memory.registry import InMemoryModelRegistry
from evertrain.adapters.release.registry import DynamoDBModelRegistry
from evertrain.domain.release.registry import RegistryConflict, UnknownVersion, VersionStatus
from evertrain.domain.release.rollout import Rollout
from evertrain.domain.release.tags import InvalidTag
from evertrain.ports.registry import ModelRegistry
from tests.builders.models import NOW, days
from tests.builders.registry import a_version, champion_of


@pytest.fixture(params=["memory", "dynamodb"])
def registry(request: pytest.FixtureRequest) -> ModelRegistry:
    if request.param == "memory":
        return InMemoryModelRegistry()
    return DynamoDBModelRegistry(table=request.getfixturevalue("table"))


def test_a_version_is_kept_as_it_was_registered(registry: ModelRegistry) -> None:
    registry.register(a_version("v1"))
    assert registry.version("trips", "v1") == a_version("v1")
    with pytest.raises(UnknownVersion, match="v2"):
        registry.version("trips", "v2")


def test_registering_again_is_harmless_also_after_the_status_changed(registry: ModelRegistry) -> None:
    registry.register(a_version("v1"))
    registry.withdraw("trips", "v1", leaves_as=VersionStatus.REJECTED)
    registry.register(replace(a_version("v1"), registered_at=NOW + days(1)))
    assert registry.version("trips", "v1").status is VersionStatus.REJECTED


def test_a_version_s_name_stands_for_one_content(registry: ModelRegistry) -> None:
    registry.register(a_version("v1"))
    with pytest.raises(RegistryConflict, match="v1"):
        registry.register(a_version("v1", score=0.8))


def test_versions_are_listed_newest_first(registry: ModelRegistry) -> None:
    for name in ("20130101-0600-a", "20130301-0600-b", "20130201-0600-c"):
        registry.register(a_version(name))
    assert [version.version[:8] for version in registry.versions("trips")] == ["20130301", "20130201", "20130101"]
    assert list(registry.versions("boats")) == []


def test_every_model_that_ever_had_a_version_is_listed(registry: ModelRegistry) -> None:
    assert list(registry.models()) == []
    for version in (a_version("v1"), a_version("v2"), replace(a_version("v1"), model="boats")):
        registry.register(version)
    assert sorted(registry.models()) == ["boats", "trips"]


def test_the_first_promotion_expects_nobody(registry: ModelRegistry) -> None:
    registry.register(a_version("v1"))
    assert registry.champion("trips") is None
    registry.promote(champion_of("v1"), expected_champion=None)
    assert registry.champion("trips") == champion_of("v1")
    assert registry.version("trips", "v1").status is VersionStatus.CHAMPION


def test_a_promotion_retires_the_champion_that_it_expected(registry: ModelRegistry) -> None:
    promote_in_turn(registry, "v1", "v2")
    statuses = {version.version: version.status for version in registry.versions("trips")}
    assert statuses == {"v1": VersionStatus.RETIRED, "v2": VersionStatus.CHAMPION}


def test_a_champion_that_is_taken_back_is_left_rolled_back_and_its_predecessor_answers_again(
    registry: ModelRegistry,
) -> None:
    promote_in_turn(registry, "v1", "v2")
    again = replace(champion_of("v1", since=NOW + days(9)), because="nonsense at night")
    registry.admit("trips", "v1")
    registry.promote(again, expected_champion="v2", leaves_as=VersionStatus.ROLLED_BACK)
    assert registry.champion("trips") == again
    assert [registry.version("trips", name).status for name in ("v1", "v2")] == ["champion", "rolled_back"]
    assert [each.version for each in registry.history("trips")] == ["v1", "v2", "v1"]
    with pytest.raises(RegistryConflict):
        registry.promote(champion_of("v2", since=NOW + days(10)), expected_champion="v1")


def test_a_promotion_against_another_champion_changes_nothing(registry: ModelRegistry) -> None:
    promote_in_turn(registry, "v1", "v2")
    registry.register(a_version("v3"))
    for expected in ("v1", None):
        with pytest.raises(RegistryConflict):
            registry.promote(champion_of("v3", since=NOW + days(9)), expected_champion=expected)
    champion = registry.champion("trips")
    assert champion is not None
    assert champion.version == "v2"
    assert registry.version("trips", "v3").status is VersionStatus.REGISTERED
    assert registry.version("trips", "v1").status is VersionStatus.RETIRED


def test_a_promotion_where_nobody_is_champion_yet_is_refused_if_it_expects_somebody(registry: ModelRegistry) -> None:
    registry.register(a_version("v1"))
    with pytest.raises(RegistryConflict):
        registry.promote(champion_of("v1"), expected_champion="v0")
    assert registry.champion("trips") is None


def test_a_registered_version_that_is_withdrawn_can_t_be_promoted_any_more(registry: ModelRegistry) -> None:
    registry.register(a_version("v1"))
    registry.withdraw("trips", "v1")
    registry.withdraw("trips", "v1")
    assert registry.version("trips", "v1").status is VersionStatus.ROLLED_BACK
    with pytest.raises(RegistryConflict, match="v1 of trips is rolled_back"):
        registry.promote(champion_of("v1"), expected_champion=None)
    assert registry.champion("trips") is None
    assert registry.history("trips") == []


@pytest.mark.parametrize("status", [VersionStatus.REJECTED, VersionStatus.HELD])
def test_what_a_person_did_not_want_can_t_be_promoted(registry: ModelRegistry, status: VersionStatus) -> None:
    registry.register(a_version("v1"))
    registry.withdraw("trips", "v1", leaves_as=status)
    assert registry.version("trips", "v1").status is status
    with pytest.raises(RegistryConflict, match=f"v1 of trips is {status}"):
        registry.promote(champion_of("v1"), expected_champion=None)


def test_only_a_registered_version_can_be_withdrawn(registry: ModelRegistry) -> None:
    promote_in_turn(registry, "v1", "v2")
    registry.register(a_version("v3"))
    registry.withdraw("trips", "v3", leaves_as=VersionStatus.REJECTED)
    for name, status in (("v1", "retired"), ("v2", "champion"), ("v3", "rejected")):
        registry.withdraw("trips", name)
        assert registry.version("trips", name).status == status


@pytest.mark.parametrize("before", [VersionStatus.RETIRED, VersionStatus.ROLLED_BACK])
def test_a_version_that_is_admitted_and_withdrawn_is_what_it_was(
    registry: ModelRegistry, before: VersionStatus
) -> None:
    promote_in_turn(registry, "v1")
    registry.register(a_version("v2"))
    registry.promote(champion_of("v2", since=NOW + days(1)), expected_champion="v1", leaves_as=before)
    for leaves_as in (VersionStatus.ROLLED_BACK, VersionStatus.REJECTED):
        registry.admit("trips", "v1", goes_back_to=before)
        registry.begin_step(a_rollout())
        registry.withdraw("trips", "v1", leaves_as=leaves_as)
        assert registry.version("trips", "v1").status is before
        with pytest.raises(RegistryConflict, match=f"v1 of trips is {before}: it can't be rolled out"):
            registry.begin_step(a_rollout())
        with pytest.raises(RegistryConflict, match=f"v1 of trips is {before}: it can't be promoted"):
            registry.promote(champion_of("v1", since=NOW + days(9)), expected_champion="v2")
    assert registry.champion("trips") == champion_of("v2", since=NOW + days(1))


def test_what_a_version_goes_back_to_is_as_it_was_last_admitted(registry: ModelRegistry) -> None:
    registry.register(a_version("v1"))
    registry.admit("trips", "v1", goes_back_to=VersionStatus.RETIRED)
    registry.admit("trips", "v1")
    registry.withdraw("trips", "v1")
    assert registry.version("trips", "v1").status is VersionStatus.ROLLED_BACK


def test_a_version_that_is_admitted_again_may_be_promoted(registry: ModelRegistry) -> None:
    promote_in_turn(registry, "v1", "v2")
    registry.admit("trips", "v1", goes_back_to=VersionStatus.RETIRED)
    registry.promote(champion_of("v1", since=NOW + days(2)), expected_champion="v2")
    assert [registry.version("trips", name).status for name in ("v1", "v2")] == ["champion", "retired"]


def test_an_unknown_version_cannot_be_admitted(registry: ModelRegistry) -> None:
    with pytest.raises(UnknownVersion, match="trips has no version v1"):
        registry.admit("trips", "v1", goes_back_to=VersionStatus.RETIRED)


def test_a_repeated_promotion_succeeds_and_leaves_one_entry(registry: ModelRegistry) -> None:
    promote_in_turn(registry, "v1", "v2")
    registry.promote(champion_of("v2", since=NOW + days(5)), expected_champion="v1")
    assert [champion.version for champion in registry.history("trips")] == ["v2", "v1"]


def test_the_champion_may_be_promoted_again_with_a_new_function_once(registry: ModelRegistry) -> None:
    promote_in_turn(registry, "v1")
    renewed = replace(champion_of("v1", since=NOW + days(1)), function_version="99")
    registry.promote(renewed, expected_champion="v1")
    registry.promote(replace(renewed, since=NOW + days(2)), expected_champion="v1")
    assert registry.champion("trips") == renewed
    assert registry.version("trips", "v1").status is VersionStatus.CHAMPION
    assert list(registry.history("trips")) == [renewed, champion_of("v1")]


def test_another_function_of_the_champion_is_no_repeat_of_its_promotion(registry: ModelRegistry) -> None:
    promote_in_turn(registry, "v1", "v2")
    other = replace(champion_of("v2", since=NOW + days(5)), function_version="99")
    with pytest.raises(RegistryConflict):
        registry.promote(other, expected_champion="v1")
    assert registry.champion("trips") == champion_of("v2", since=NOW + days(1))


def test_a_version_that_was_never_registered_cannot_be_promoted(registry: ModelRegistry) -> None:
    with pytest.raises(UnknownVersion):
        registry.promote(champion_of("v1"), expected_champion=None)
    assert registry.champion("trips") is None


def test_history_says_who_answered_when(registry: ModelRegistry) -> None:
    promote_in_turn(registry, "v1", "v2")
    assert registry.champion_at("trips", NOW - days(1)) is None
    for moment, version in ((NOW, "v1"), (NOW + days(0.5), "v1"), (NOW + days(1), "v2"), (NOW + days(99), "v2")):
        champion = registry.champion_at("trips", moment)
        assert champion is not None
        assert champion.version == version


def test_tags_are_set_changed_and_removed_and_the_rest_stays(registry: ModelRegistry) -> None:
    registry.register(a_version("v1"))
    assert registry.version("trips", "v1").tags == {}
    registry.tag("trips", "v1", put={"ticket": "ML-1", "reviewed_by": "ada"}, remove=[])
    tagged = registry.tag("trips", "v1", put={"ticket": "ML-2"}, remove=["reviewed_by", "never_there"])
    assert tagged == registry.version("trips", "v1") == replace(a_version("v1"), tags={"ticket": "ML-2"})
    assert registry.versions("trips")[0].tags == {"ticket": "ML-2"}
    # A repeat changes nothing, and neither does registering or promoting it.
    assert registry.tag("trips", "v1", put={"ticket": "ML-2"}, remove=["reviewed_by"]) == tagged
    registry.register(a_version("v1"))
    registry.promote(champion_of("v1"), expected_champion=None)
    assert registry.version("trips", "v1").tags == {"ticket": "ML-2"}


def test_a_version_has_fifty_tags_at_most(registry: ModelRegistry) -> None:
    registry.register(a_version("v1"))
    registry.tag("trips", "v1", put={f"k{number}": "v" for number in range(50)}, remove=[])
    with pytest.raises(InvalidTag, match="at most 50 tags, and this would be 51"):
        registry.tag("trips", "v1", put={"one_more": "v"}, remove=[])
    assert len(registry.tag("trips", "v1", put={"one_more": "v"}, remove=["k0"]).tags) == 50


def test_what_is_not_there_cannot_be_tagged(registry: ModelRegistry) -> None:
    with pytest.raises(UnknownVersion, match="trips has no version v1"):
        registry.tag("trips", "v1", put={"a": "b"}, remove=[])


def promote_in_turn(registry: ModelRegistry, *names: str) -> None:
    """A day apart."""
    before = None
    for day, name in enumerate(names):
        registry.register(a_version(name))
        registry.promote(champion_of(name, since=NOW + days(day)), expected_champion=before)
        before = name


def a_rollout(version: str = "v1", *, share: float = 0.05) -> Rollout:
    return Rollout(
        model="trips",
        version=version,
        function_version="2",
        champion="1",
        share=share,
        step_began_at=NOW,
    )


def test_a_rollout_is_known_while_it_is_under_way(registry: ModelRegistry) -> None:
    registry.register(a_version("v1"))
    assert registry.rollout("trips") is None
    for share in (0.05, 0.05, 1.0):
        registry.begin_step(a_rollout(share=share))
        assert registry.rollout("trips") == a_rollout(share=share)
    registry.end_rollout("trips", "v0")
    assert registry.rollout("trips") is not None, "it is another's"
    for _ in range(2):
        registry.end_rollout("trips", "v1")
        assert registry.rollout("trips") is None


@pytest.mark.parametrize("status", [VersionStatus.ROLLED_BACK, VersionStatus.REJECTED, VersionStatus.RETIRED])
def test_what_was_taken_back_goes_no_step_further(registry: ModelRegistry, status: VersionStatus) -> None:
    registry.register(a_version("v1"))
    registry.begin_step(a_rollout())
    registry.withdraw("trips", "v1", leaves_as=status)
    with pytest.raises(RegistryConflict, match=f"v1 of trips is {status}: it can't be rolled out"):
        registry.begin_step(a_rollout(share=1.0))
    assert registry.rollout("trips") == a_rollout()
    with pytest.raises(UnknownVersion):
        registry.begin_step(a_rollout("v9"))
