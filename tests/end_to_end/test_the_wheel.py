"""The package as it would be installed by itself, in an empty environment: from a file to an answer."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcloud.launcher import REPOSITORY
from tests.builders.loans import loans

UV = str(REPOSITORY / ".venv/bin/uv")
PACKAGED = ("evertrain", "requirements", "pyproject.toml", "README.md", "LICENSE")


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


def _run(*command: str, cwd: Path, status: int = 0) -> str:
    alone = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    ran = subprocess.run(command, cwd=cwd, env=alone, capture_output=True, text=True, check=False)
    assert ran.returncode == status, ran.stdout[-2000:] + ran.stderr[-2000:]
    return ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """With nothing but what the package asks for."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in PACKAGED:
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        copy(REPOSITORY / name, source / name)
    _run(UV, "build", "--wheel", "--quiet", "--out-dir", str(folder), str(source), cwd=folder)
    (wheel,) = folder.glob("*.whl")
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
    installed.evertrain("init", "loans", "--rows", "loans.csv", "--latency", "3d", "--yes")
    assert "Every file is valid" in installed.evertrain("check")
    told = installed.evertrain(
        "backtest", "loans", "--rows", "loans.csv", "--policy", "declared", "--policy", "never"
    )
    assert "Retraining would" in told or "would have" in told
    told = installed.evertrain("status", "loans", status=2)
    assert told.endswith("which is not installed: pip install 'evertrain[aws]'\n")
