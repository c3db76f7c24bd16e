"""Another registry shows what ours holds: a real MLflow server, and the one in memory that stands for it in tests."""

import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from evertrain.adapters.aws import clients
from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.memory.mirror import InMemoryMirror
from evertrain.adapters.memory.registry import InMemoryModelRegistry
from evertrain.adapters.release.mlflow import MlflowRegistry
from evertrain.adapters.release.registry import DynamoDBModelRegistry
from evertrain.domain.release.mirrored import CHAMPION_ALIAS, mirrored_tags
from evertrain.domain.release.registry import VersionStatus
from evertrain.ports.mirror import MirrorRefused, RegistryMirror
from evertrain.terminal.waiting import wait_until
from evertrain.use_cases.release.mirror_registry import MirrorRegistry
from lambdas.mirror import handler
from tests.builders.events import delivery
from tests.builders.models import NOW, days
from tests.builders.registry import a_version, champion_of

SERVER = Path(__file__).parents[3] / ".venv-mlflow/bin/mlflow"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """On a free port of this machine, with an empty database."""
    if not SERVER.exists():
        pytest.skip("MLflow is not installed: make test-mlflow")
    home = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [SERVER, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    database = ["--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"]
    variables = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "PATH": f"{SERVER.parent}:{os.environ['PATH']}"}
    with (home / "log").open("wb") as log:
        running = subprocess.Popen(
            [*command, *database], cwd=home, stdout=log, stderr=log, env=variables, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: is_up(url) or None, seconds=120, awaited="the MLflow server")
        yield url
    finally:
        os.killpg(running.pid, 15)
        running.wait(timeout=30)


def is_up(url: str) -> bool:
    try:
        MlflowRegistry(url=url, stage="probe").versions("nothing")
    except MirrorRefused:
        return False
    return True


@pytest.fixture(params=["memory", pytest.param("mlflow", marks=pytest.mark.mlflow)])
def mirror(request: pytest.FixtureRequest) -> RegistryMirror:
    if request.param == "memory":
        return InMemoryMirror()
    # A stage of its own for each test: nothing of another is there.
    return MlflowRegistry(url=request.getfixturevalue("server"), stage=f"stage-{uuid4().hex[:8]}")


@pytest.fixture
def registry() -> InMemoryModelRegistry:
    """v1 was champion before v2 is; v3 was refused."""
    registry = InMemoryModelRegistry()
    for name, status in (("v1", VersionStatus.REGISTERED), ("v2", VersionStatus.REGISTERED)):
        registry.register(a_version(name, status=status))
    registry.promote(champion_of("v1"), expected_champion=None)
    registry.promote(champion_of("v2", since=NOW + days(1)), expected_champion="v1")
    registry.register(a_version("v3", status=VersionStatus.REJECTED, score=0.6))
    return registry


def shown(mirror: RegistryMirror) -> dict[str, dict[str, str]]:
    """By our name, the tags that are there."""
    return {each.version: dict(each.tags) for each in mirror.versions("trips")}


def test_where_nothing_is_known_there_is_nothing(mirror: RegistryMirror) -> None:
    assert list(mirror.versions("trips")) == []
    assert mirror.alias("trips", CHAMPION_ALIAS) is None


def test_every_version_is_shown_with_what_is_known_of_it_and_the_champion_by_its_alias(
    mirror: RegistryMirror, registry: InMemoryModelRegistry
) -> None:
    MirrorRegistry(registry=registry, mirror=mirror).run("trips")
    assert shown(mirror) == {name: mirrored_tags(registry.version("trips", name)) for name in ("v1", "v2", "v3")}
    assert shown(mirror)["v1"]["evertrain.status"] == "retired"
    assert shown(mirror)["v3"]["evertrain.gate.roc_auc_score"] == "0.6"
    assert shown(mirror)["v3"]["evertrain.artifact_sha256"] == "1" * 64
    numbers = {each.version: each.number for each in mirror.versions("trips")}
    assert numbers == {"v1": 1, "v2": 2, "v3": 3}
    assert mirror.alias("trips", CHAMPION_ALIAS) == numbers["v2"]


def test_a_second_look_writes_nothing(mirror: RegistryMirror, registry: InMemoryModelRegistry) -> None:
    mirroring = MirrorRegistry(registry=registry, mirror=mirror)
    assert mirroring.run("trips")
    assert mirroring.run("trips") == ()


def test_what_changes_is_changed_there_and_nothing_else(
    mirror: RegistryMirror, registry: InMemoryModelRegistry
) -> None:
    mirroring = MirrorRegistry(registry=registry, mirror=mirror)
    registry.tag("trips", "v1", put={"ticket": "ML-1", "note": "ok"}, remove=[])
    mirroring.run("trips")
    mirror.set_tag("trips", 1, "theirs", "stays")
    registry.tag("trips", "v1", put={"ticket": "ML-2"}, remove=["note"])
    back = replace(champion_of("v1", since=NOW + days(2)), function_version="9")
    registry.admit("trips", "v1")
    registry.promote(back, expected_champion="v2", leaves_as=VersionStatus.ROLLED_BACK)

    written = mirroring.run("trips")
    tags = shown(mirror)
    assert (tags["v1"]["ticket"], tags["v1"]["theirs"]) == ("ML-2", "stays")
    assert "note" not in tags["v1"]
    assert (tags["v1"]["evertrain.status"], tags["v2"]["evertrain.status"]) == ("champion", "rolled_back")
    assert mirror.alias("trips", CHAMPION_ALIAS) == 1
    assert set(written) == {
        "v1: no note",
        "v1: ticket=ML-2",
        "v1: evertrain.tags=ticket",
        "v1: evertrain.status=champion",
        "v2: evertrain.status=rolled_back",
        "v1 is champion",
    }


def test_of_a_version_that_two_looks_registered_the_first_stays(
    mirror: RegistryMirror, registry: InMemoryModelRegistry
) -> None:
    mirroring = MirrorRegistry(registry=registry, mirror=mirror)
    mirroring.run("trips")
    second = registry.version("trips", "v2")
    mirror.create("trips", source=second.artifact_uri, tags=mirrored_tags(second))
    mirror.set_alias("trips", CHAMPION_ALIAS, 4)
    assert set(mirroring.run("trips")) == {"deleted the second v2", "v2 is champion"}
    assert [each.number for each in mirror.versions("trips")] == [1, 2, 3]
    assert mirror.alias("trips", CHAMPION_ALIAS) == 2
    mirror.delete("trips", 4)  # again: harmless


def test_versions_of_somebody_else_are_left_alone(mirror: RegistryMirror, registry: InMemoryModelRegistry) -> None:
    mirror.create("trips", source="s3://elsewhere/model", tags={"by": "hand"})
    MirrorRegistry(registry=registry, mirror=mirror).run("trips")
    assert dict(mirror.versions("trips")[0].tags) == {"by": "hand"}
    assert mirror.alias("trips", CHAMPION_ALIAS) == 3


def test_two_models_do_not_mix(mirror: RegistryMirror, registry: InMemoryModelRegistry) -> None:
    registry.register(replace(a_version("v1"), model="boats"))
    mirroring = MirrorRegistry(registry=registry, mirror=mirror)
    mirroring.run("trips")
    mirroring.run("boats")
    assert len(mirror.versions("boats")) == 1
    assert mirror.alias("boats", CHAMPION_ALIAS) is None


@pytest.mark.mlflow
def test_the_function_mirrors_every_model_with_the_credentials_of_the_secret(
    server: str, aws: boto3.Session, table: Table, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    registry = DynamoDBModelRegistry(table=table)
    for version in (a_version("v1"), replace(a_version("v1"), model="boats")):
        registry.register(version)
    registry.promote(champion_of("v1"), expected_champion=None)
    secret = aws.client("secretsmanager").create_secret(Name="mlflow", SecretString='{"token": "t"}')["ARN"]
    names = {"MLFLOW_TRACKING_URI": server, "MLFLOW_SECRET_ARN": secret, "EVERTRAIN_STAGE": "fun"}
    for name, value in (names | {"REGISTRY_TABLE": table.name, "AWS_DEFAULT_REGION": "us-east-1"}).items():
        monkeypatch.setenv(name, value)
    clients.client.cache_clear()
    caplog.set_level("INFO")
    try:
        assert handler.lambda_handler(delivery(one={"detail": {}}), None) == {"batchItemFailures": []}
        assert handler.lambda_handler(delivery(again={"detail": {}}), None) == {"batchItemFailures": []}
    finally:
        clients.client.cache_clear()
    mirror = MlflowRegistry(url=server, stage="fun")
    assert [each.version for each in mirror.versions("trips")] == ["v1"]
    assert [each.version for each in mirror.versions("boats")] == ["v1"]
    assert mirror.alias("trips", CHAMPION_ALIAS) == 1
    assert caplog.text.count("mirrored model=trips registered v1") == 1


@pytest.mark.mlflow
def test_more_versions_than_a_page_has_are_all_found(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evertrain.adapters.release.mlflow._PAGE_SIZE", 2)
    mirror = MlflowRegistry(url=server, stage="paged")
    for number in range(5):
        mirror.create("trips", source="s3://b/k", tags={"evertrain.version": f"v{number}"})
    assert [each.version for each in mirror.versions("trips")] == ["v0", "v1", "v2", "v3", "v4"]


@pytest.mark.mlflow
def test_what_mlflow_refuses_is_told_in_its_words(server: str) -> None:
    with pytest.raises(MirrorRefused, match=r"answers 404 to model-versions/set-tag: .*not found"):
        MlflowRegistry(url=server, stage="dev").set_tag("trips", 9, "a", "b")
