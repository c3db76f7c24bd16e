"""From one's own file to a champion that answers: `init`, `cdk deploy`, `backfill`, in a project without flights."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from localcloud.launcher import REPOSITORY, EmbeddedCloud
from tests.builders.loans import DAYS, ROWS, loans
from tests.end_to_end.deployment import own_cloud

NOT_COPIED = (".git", ".venv*", ".build", ".localcloud", "node_modules", "tests", "bench", "models", "features")
SHARED = (".venv", ".venv-cloud", ".venv-lambda", "node_modules")


@dataclass(frozen=True, kw_only=True)
class Own:
    """A copy of the repository with a project of one's own."""

    root: Path
    cloud: EmbeddedCloud

    def run(self, *command: str, status: int = 0) -> str:
        ran = subprocess.run(
            command,
            cwd=self.root,
            env=os.environ | self.cloud.environment() | {"EVERTRAIN_STAGE": "own", "COLUMNS": "160"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == status, ran.stdout[-3000:] + ran.stderr[-3000:]
        return ran.stdout

    def evertrain(self, *arguments: str, status: int = 0) -> str:
        return self.run(
            ".venv/bin/python", "-c", "from evertrain.cli.program import run; run()", *arguments, status=status
        )

    def answer(self, *arguments: str) -> Any:
        return json.loads(self.evertrain(*arguments, "--json"))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    root = tmp_path_factory.mktemp("own") / "repository"
    shutil.copytree(REPOSITORY, root, ignore=shutil.ignore_patterns(*NOT_COPIED))
    for name in SHARED:
        (root / name).symlink_to(REPOSITORY / name)
    loans().to_csv(root / "loans.csv", index=False)
    cloud = replace(own_cloud(tmp_path_factory.mktemp("cloud")), task_directory=root / ".build/train-image")
    cloud.start()
    try:
        yield Own(root=root, cloud=cloud)
    finally:
        cloud.stop()


def test_a_file_becomes_a_champion_that_answers(own: Own) -> None:
    own.evertrain("init", "loans", "--rows", "loans.csv", "--latency", "3d", "--yes")
    own.run("infra/cdk.sh", "bootstrap", "--app", "", "aws://000000000000/us-east-1")
    own.run("infra/cdk.sh", "deploy", "--all", "--require-approval", "never", "--concurrency", "4")

    told = own.evertrain("backfill", "loans", "--rows", "loans.csv")
    assert f"features/loans: {DAYS} batches with {DAYS * ROWS:,} rows have landed" in told
    assert f"labels/loans: {DAYS} batches with {DAYS * ROWS:,} rows have landed" in told
    assert "set aside" not in told
    (version,) = own.answer("versions", "loans")
    assert f"loans has its first champion, {version['version']}" in told
    assert version["status"] == "champion"
    assert version["training_set"]["count"] > DAYS * ROWS / 2, "all of its history was there when it was decided"

    command = next(line for line in told.splitlines() if "evertrain predict" in line)
    row = command.partition("--json ")[2].strip().strip("'")
    answer = json.loads(own.evertrain("predict", "loans", "--json", row))
    assert answer["model_version"] == version["version"]
    assert 0 < answer["predictions"][0] < 1


def test_nothing_was_decided_while_history_landed(own: Own) -> None:
    decided = own.answer("decisions", "loans")
    assert [each["decision"]["action"] for each in decided].count("retrain") == 1
    assert len(decided) <= 3


def test_history_is_known_since_it_happened(own: Own) -> None:
    out = own.root / "known.parquet"
    own.evertrain("features", "loans", "--as-of", "2025-01-11", "--out", str(out))
    known = pd.read_parquet(out)
    assert len(known) == 10 * ROWS
    assert (known["ingested_at"] <= pd.Timestamp("2025-01-11", tz="UTC")).all()


def test_to_land_it_again_changes_nothing(own: Own) -> None:
    before = own.answer("status", "loans")
    told = own.evertrain("backfill", "loans", "--rows", "loans.csv")
    assert "loans has its champion already" in told
    assert own.answer("status", "loans") == before
