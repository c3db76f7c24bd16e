"""The libraries of a bundle: installed once for each lock and target, stripped of what no function imports, compiled,
and kept in `.build/dependencies`."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uv

from evertrain.domain.errors import EvertrainError
from evertrain.toolchain.own_libraries import REQUIREMENTS

LAMBDA_PYTHON = "3.13"
LAMBDA_PLATFORM = "x86_64-manylinux_2_28"

UNUSED_PATTERNS = (
    "**/tests",
    "**/*.pyi",
    "**/*.pyx",
    "**/*.pxd",
    "**/*.pxi",
    "bin",
    "numpy/_core/include",
    "numpy/_core/lib",
    "pyarrow/include",
    "pyarrow/includes",
    "pyarrow/src",
    "scipy/datasets",
    "skops/card",
    *(f"sklearn/datasets/{name}" for name in ("data", "descr", "images")),
    # The unversioned copies are for linking; nothing loads them.
    "pyarrow/*.so.*.*.*",
    "pyarrow/libarrow_python.so",
    # Functions reach S3 by boto3 and read Parquet and CSV. (libarrow_substrait stays: others are linked to it.)
    *(f"pyarrow/libarrow_{name}*" for name in ("flight", "python_flight", "s3")),
    *(f"pyarrow/_{name}.*" for name in ("flight", "s3fs", "gcsfs", "azurefs", "hdfs", "orc", "substrait")),
)
"""What no function imports. Licences stay: they have to travel with the code."""

UNUSED_WITHOUT_SCIPY = ("numpy/f2py",)
"""scipy imports all that numpy names."""


class BundleFailed(EvertrainError):
    """A bundle could not be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which Python will run the functions, how uv picks wheels for it, and who compiles their bytecode."""

    name: str
    wheels: tuple[str, ...]
    compiler: str | None

    @classmethod
    def from_option(cls, bundles: str) -> "Target":
        """`aws`, `local` for this interpreter, or the path of another one."""
        if bundles == "aws":
            return cls(
                name=f"aws-{LAMBDA_PYTHON}-{LAMBDA_PLATFORM}",
                wheels=("--python-version", LAMBDA_PYTHON, "--python-platform", LAMBDA_PLATFORM),
                compiler=_compiler_for_lambda(),
            )
        python = sys.executable if bundles == "local" else bundles
        tag = _run_python(
            python, "import sys, sysconfig; print(sys.implementation.cache_tag, sysconfig.get_platform())"
        )
        if tag is None:
            raise BundleFailed(f"bundles: aws, local or the path of a Python interpreter; not {bundles!r}")
        return cls(name=tag.replace(" ", "-"), wheels=("--python", python), compiler=python)


def dependencies(build: Path, lock: Path, own: Sequence[Path], target: Target) -> Path:
    """A folder that nobody changes. `own`: the project's requirements, whose libraries come beside the lock's, which
    keep their versions. Raises BundleFailed."""
    texts = [path.read_text() for path in (lock, *own)]
    key = "\n".join((*texts, target.name, target.compiler or "", *UNUSED_PATTERNS, *UNUSED_WITHOUT_SCIPY))
    place = build / "dependencies" / hashlib.sha256(key.encode()).hexdigest()[:16]
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        folder = Path(scratch) / "packages"
        _install(folder, target, "--require-hashes", "-r", str(lock), shown=f"requirements/{lock.name}")
        for path in own:
            pins = Path(scratch) / "pins.txt"
            pins.write_text("\n".join(re.findall(r"(?m)^\S+==[^\\\n]+", texts[0])))
            _install(folder, target, "-c", str(pins), "-r", str(path), shown=str(REQUIREMENTS))
        for pattern in (*UNUSED_PATTERNS, *(() if (folder / "scipy").is_dir() else UNUSED_WITHOUT_SCIPY)):
            for path in folder.glob(pattern):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        compile_bytecode(target, folder)
        folder.rename(place)
    return place


def _install(folder: Path, target: Target, *options: str, shown: str) -> None:
    command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--target", str(folder), *target.wheels]
    command += ["--only-binary", ":all:", *options]
    installed = subprocess.run(command, check=False, capture_output=True, text=True)
    if installed.returncode != 0:
        raise BundleFailed(f"{shown} could not be installed for {target.name}:\n{installed.stderr}")


def compile_bytecode(target: Target, folder: Path, only: Sequence[str] = ("",)) -> None:
    """Bytecode that carries no time, so that equal sources give equal bundles. It halves a function's cold start.

    `only`: these of its files and folders.
    """
    if target.compiler is None:
        return
    command = [target.compiler, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(folder), "-p", "/var/task", *(str(folder / name) for name in only)]
    # It has to lie in the bundle, wherever this process keeps its own.
    beside = {name: value for name, value in os.environ.items() if name != "PYTHONPYCACHEPREFIX"}
    subprocess.run(command, check=False, capture_output=True, env=beside)  # a package may carry templates, no Python


def _compiler_for_lambda() -> str | None:
    """A Python of Lambda's own version, where there is one: only that can compile for it."""
    wanted = "import sys; print('%d.%d' % sys.version_info[:2])"
    for python in (sys.executable, shutil.which(f"python{LAMBDA_PYTHON}")):
        if python is not None and _run_python(python, wanted) == LAMBDA_PYTHON:
            return python
    print(f"no Python {LAMBDA_PYTHON} here: functions go out without bytecode and start slower", file=sys.stderr)
    return None


def _run_python(python: str, program: str) -> str | None:
    try:
        answer = subprocess.run([python, "-c", program], check=False, capture_output=True, text=True)
    except OSError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
