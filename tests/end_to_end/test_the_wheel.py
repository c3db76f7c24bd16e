"""The package as it would be installed by itself, in an empty environment: from a file to an answer, and on to a loop
on this machine."""

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcloud.launcher import REPOSITORY
from tests.builders.loans import DAYS, loans
from tests.end_to_end.deployment import free_port

UV = str(REPOSITORY / ".venv/bin/uv")
PACKAGED = ("evertrain", "requirements", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
DEPLOYED = ("infra", "lambdas", "serving", "jobs", "localcloud", "cdk.json", "package.json", "package-lock.json")


@dataclass(frozen=True, kw_only=True)
class Installed:
    folder: Path
    wheel: Path

    def install(self, extras: str = "") -> None:
        _run(UV, "pip", "install", "--quiet", "--python", str(self.python), f"{self.wheel}{extras}", cwd=self.folder)

    @property
    def python(self) -> Path:
        return self.folder / "venv/bin/python"

    def has(self, module: str) -> bool:
        program = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
        return subprocess.run([self.python, "-c", program], check=False).returncode == 0

    def evertrain(self, *arguments: str, status: int = 0) -> str:
        return _run(str(self.folder / "venv/bin/evertrain"), *arguments, cwd=self.folder, status=status)

    def shell(self, script: str) -> str:
        """As somebody types it who is in the environment."""
        path = f"{self.folder / 'venv/bin'}{os.pathsep}{os.environ['PATH']}"
        return _run("/bin/bash", "-ec", f"export PATH={shlex.quote(path)}\n{script}", cwd=self.folder)


def _run(*command: str, cwd: Path, status: int = 0) -> str:
    others = ("PYTHONPATH", "PYTHONPYCACHEPREFIX", "VIRTUAL_ENV", "EVERTRAIN_STAGE")
    alone = {name: value for name, value in os.environ.items() if name not in others and not name.startswith("AWS_")}
    ran = subprocess.run(command, cwd=cwd, env=alone, capture_output=True, text=True, check=False)
    assert ran.returncode == status, ran.stdout[-2000:] + ran.stderr[-2000:]
    return ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """With nothing but what the package asks for."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in (*PACKAGED, *DEPLOYED):
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        copy(REPOSITORY / name, source / name)
    # By way of the source distribution, as it would be published.
    _run(UV, "build", "--quiet", "--out-dir", str(folder / "dist"), str(source), cwd=folder)
    shutil.rmtree(source)
    (wheel,) = folder.glob("dist/*.whl")
    _run(UV, "venv", "--quiet", "--python", str(REPOSITORY / ".venv/bin/python"), str(folder / "venv"), cwd=folder)
    one = Installed(folder=folder, wheel=wheel)
    one.install()
    loans().to_csv(folder / "loans.csv", index=False)
    return one


def test_tables_are_compared_by_few_libraries(installed: Installed) -> None:
    assert [name for name in ("pandas", "scipy", "sklearn", "boto3", "deltalake") if installed.has(name)] == []
    told = installed.evertrain("drift", "loans.csv", "loans.csv", "--html", "page.html")
    assert "0 of 5 features drifted: stable" in told
    assert (installed.folder / "page.html").stat().st_size > 10_000
    told = installed.evertrain("init", "loans", "--rows", "loans.csv", "--yes", status=2)
    assert told.endswith("which is not installed: pip install 'evertrain[train]'\n")


def test_from_a_file_to_an_answer_in_an_empty_folder(installed: Installed) -> None:
    installed.install("[train]")
    told = installed.evertrain("init", "loans", "--rows", "loans.csv", "--latency", "3d", "--yes")
    assert told.endswith("\n  evertrain local up\n"), "there is no Makefile here"
    assert "Every file is valid" in installed.evertrain("check")
    told = installed.evertrain(
        "backtest", "loans", "--rows", "loans.csv", "--policy", "declared", "--policy", "never"
    )
    assert "Retraining would" in told or "would have" in told
    told = installed.evertrain("status", "loans", status=2)
    assert told.endswith("which is not installed: pip install 'evertrain[aws]'\n")
    told = installed.evertrain("local", "up", status=2)
    assert told.endswith("which is not installed: pip install 'evertrain[local]'\n")


@pytest.fixture(scope="module")
def looping(installed: Installed) -> Iterator[Installed]:
    """With a loop on this machine, after the steps before."""
    installed.install("[local]")
    try:
        yield installed
    finally:
        installed.evertrain("local", "down")


def test_from_there_to_a_champion_that_answers(looping: Installed) -> None:
    told = looping.evertrain("local", "up", "--port", str(free_port()))
    assert "stage local is deployed, with loans\n" in told
    enter, backfill = (line.strip() for line in told.splitlines() if line.startswith("  "))
    assert "loans, no champion yet" in looping.evertrain("local", "status")
    told = looping.shell(f"{enter}\n{backfill.replace('FILE', 'loans.csv')}")
    assert f"features/loans: {DAYS} batches with " in told
    assert "set aside" not in told
    asked = next(line.strip() for line in told.splitlines() if "evertrain predict" in line)
    answer = json.loads(looping.shell(f"{enter}\n{asked}"))
    told = looping.evertrain("local", "status")
    assert f"stage local: loans, champion {answer['model_version']}\n" in told
    assert answer["model_version"] in looping.shell(f"{enter}\nevertrain status loans")


def test_what_was_made_there_stays_out_of_the_project_s_own_commits(looping: Installed) -> None:
    """Only the files of `init`."""
    for command in (["init", "--quiet"], ["add", "models", "features", ".evertrain"]):
        _run("git", *command, cwd=looping.folder)
    listed = _run("git", "ls-files", cwd=looping.folder).split()
    assert sorted(listed) == [
        ".evertrain/.gitignore",
        ".evertrain/group.schema.json",
        ".evertrain/model.schema.json",
        "features/loans.toml",
        "models/loans/README.md",
        "models/loans/estimator.py",
        "models/loans/model.toml",
    ]


def test_the_cloud_stops_keeps_what_it_holds_and_forgets_it_when_asked(looping: Installed) -> None:
    assert "stopped, its state is saved" in looping.evertrain("local", "down")
    assert "`evertrain local up` starts it" in looping.evertrain("local", "status", status=1)
    home = looping.folder / ".evertrain/.localcloud"
    assert (home / "state").is_dir()
    looping.evertrain("local", "forget")
    assert not home.exists()
