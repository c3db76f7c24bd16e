"""Folders to be deployed: each function's dependencies and source, and the training image's context.

Plain Python, run during synthesis. Dependencies are installed once for each lock and target, and kept in
`.build/dependencies`. A bundle's digest is made from what goes in, so an unchanged one is never deployed again.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uv

from evertrain.domain.errors import EvertrainError
from evertrain.toolchain.own_libraries import REQUIREMENTS
from evertrain.toolchain.workspace import Workspace

LAMBDA_PYTHON = "3.13"
LAMBDA_PLATFORM = "x86_64-manylinux_2_28"
LAMBDA_MAX_BYTES = 250 * 1024 * 1024
"""Of a function, unzipped: AWS's limit."""

UNUSED_PATTERNS = (
    "**/tests",
    "**/*.pyi",
    "**/*.pyx",
    "**/*.pxd",
    "**/*.pxi",
    "bin",
    "numpy/f2py",
    "pyarrow/include",
    "pyarrow/includes",
    "pyarrow/src",
    # The unversioned copies are for linking; nothing loads them.
    "pyarrow/*.so.*.*.*",
    "pyarrow/libarrow_python.so",
    # Functions reach S3 by boto3 and read Parquet and CSV. (libarrow_substrait stays: others are linked to it.)
    *(f"pyarrow/libarrow_{name}*" for name in ("flight", "python_flight", "s3")),
    *(f"pyarrow/_{name}.*" for name in ("flight", "s3fs", "gcsfs", "azurefs", "hdfs", "orc", "substrait")),
)
"""What no function imports. Licences stay: they have to travel with the code."""


class BundleFailed(EvertrainError):
    """A bundle could not be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A function's code: one of our folders, and the lock of what it needs besides the runtime's own boto3."""

    folder: str
    lock: str | None = None

    @property
    def name(self) -> str:
        return Path(self.folder).name


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltBundle:
    path: Path
    digest: str


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


def build_function(bundle: Bundle, *, workspace: Workspace, target: Target) -> BuiltBundle:
    """Dependencies, `evertrain/` less its command line, the function's own folder, and the project's TOML files."""
    sources = {
        **_package_files(workspace.package),
        **_python_files(workspace.deployables, bundle.folder),
        **_project_files(workspace.project),
    }
    compiled = target.compiler or "without bytecode"
    digest = _digest(sources, extra=[target.name, compiled, *_lock_text(workspace, bundle)])
    place = workspace.build / "lambda" / target.name / bundle.name
    marker = place.with_suffix(".digest")
    with _exclusive(workspace.build):
        if not (place.is_dir() and marker.is_file() and marker.read_text() == digest):
            marker.unlink(missing_ok=True)
            shutil.rmtree(place, ignore_errors=True)
            place.parent.mkdir(parents=True, exist_ok=True)
            if bundle.lock is None:
                place.mkdir()
            else:
                # Linked, not copied: they are large, and nobody changes them.
                shutil.copytree(_dependencies(workspace, bundle.lock, target), place, copy_function=os.link)
            _copy(sources, place)
            _compile(target, place)
            _require_size_within_limit(bundle, place)
            marker.write_text(digest)
    return BuiltBundle(path=place, digest=digest)


def stage_training_image(*, workspace: Workspace) -> Path:
    """The context of `jobs/train/Dockerfile`. The embedded cloud runs from this very folder what the image runs: the
    job, and the function that is too large for a zip."""
    place, deployables = workspace.training_image, workspace.deployables
    sources = {
        **_package_files(workspace.package),
        **_python_files(deployables, "jobs"),
        **_python_files(deployables, "lambdas/performance"),
        **_below(workspace.project, sorted((workspace.project / "models").glob("*/*.py"))),
        **_project_files(workspace.project),
        "requirements/train.txt": workspace.lock("train.txt"),
        **_own_requirements(workspace),
        "Dockerfile": deployables / "jobs" / "train" / "Dockerfile",
    }
    with _exclusive(workspace.build):
        _copy(sources, place)
        kept = {place / name for name in sources}
        for path in place.rglob("*"):
            if path.is_file() and path not in kept:
                path.unlink()
    return place


# --- what goes in ---------------------------------------------------------------------------------

Sources = Mapping[str, Path]
"""Files by where they go in a bundle, as POSIX paths, in a fixed order."""

_ON_ONE_S_OWN_MACHINE = frozenset(
    {"_deployables", "api", "backfill", "cli", "demo", "replay", "scaffold", "terminal", "toolchain"}
)
"""What is in the package, or in the package as it is installed, and no function and no job imports."""


def _package_files(root: Path) -> Sources:
    """Of the folder that has `evertrain/`."""
    package = root / "evertrain"
    rooms = sorted(path for path in package.iterdir() if path.name not in _ON_ONE_S_OWN_MACHINE)
    modules = [path for room in rooms for path in ([room] if room.suffix == ".py" else sorted(room.rglob("*.py")))]
    return _below(root, [*modules, *(path for room in rooms for path in sorted(room.rglob("*.jinja")))])


def _python_files(root: Path, folder: str) -> Sources:
    return _below(root, sorted((root / folder).rglob("*.py")))


def _project_files(root: Path) -> Sources:
    """A model's own metric is run in training only, and read everywhere: `model.toml` names a function of it."""
    of_models = (*(root / "models").glob("*/model.toml"), *(root / "models").glob("*/metric.py"))
    return _below(root, [*sorted((root / "features").glob("*.toml")), *sorted(of_models)])


def _own_requirements(workspace: Workspace) -> Sources:
    path = workspace.project / REQUIREMENTS
    return {"requirements/models.txt": path} if path.is_file() else {}


def _below(root: Path, paths: Iterable[Path]) -> Sources:
    return {path.relative_to(root).as_posix(): path for path in paths}


def _lock_text(workspace: Workspace, bundle: Bundle) -> Iterator[str]:
    yield Path(__file__).read_text()  # what is left out is decided above
    if bundle.lock is not None:
        yield workspace.lock(bundle.lock).read_text()


def _digest(sources: Sources, *, extra: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for text in extra:
        digest.update(hashlib.sha256(text.encode()).digest())
    for name, path in sources.items():
        digest.update(hashlib.sha256(name.encode()).digest())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _copy(sources: Sources, place: Path) -> None:
    for name, source in sources.items():
        copy = place / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)


# --- dependencies ---------------------------------------------------------------------------------


def _dependencies(workspace: Workspace, lock: str, target: Target) -> Path:
    text = workspace.lock(lock).read_text()
    key = "\n".join((text, target.name, target.compiler or "", *UNUSED_PATTERNS))
    place = workspace.build / "dependencies" / hashlib.sha256(key.encode()).hexdigest()[:16]
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        folder = Path(scratch) / "packages"
        _install(workspace.lock(lock), folder, target)
        for pattern in UNUSED_PATTERNS:
            for path in folder.glob(pattern):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        _compile(target, folder)
        folder.rename(place)
    return place


def _install(lock: Path, folder: Path, target: Target) -> None:
    command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--target", str(folder), *target.wheels]
    command += ["--require-hashes", "--only-binary", ":all:", "-r", str(lock)]
    installed = subprocess.run(command, check=False, capture_output=True, text=True)
    if installed.returncode != 0:
        raise BundleFailed(f"requirements/{lock.name} could not be installed for {target.name}:\n{installed.stderr}")


def _compile(target: Target, folder: Path) -> None:
    """Bytecode that carries no time, so that equal sources give equal bundles. It halves a function's cold start."""
    if target.compiler is None:
        return
    command = [target.compiler, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(folder), "-p", "/var/task", str(folder)]
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


def _require_size_within_limit(bundle: Bundle, place: Path) -> None:
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    if size > LAMBDA_MAX_BYTES:
        raise BundleFailed(f"{bundle.name}: {size / 2**20:.0f} MiB unzipped; AWS allows {LAMBDA_MAX_BYTES >> 20}")


@contextmanager
def _exclusive(build: Path) -> Iterator[None]:
    """One synthesis at a time works there."""
    build.mkdir(parents=True, exist_ok=True)
    with (build / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
