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
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uv

from evertrain.domain.errors import EvertrainError

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


def build_function(bundle: Bundle, *, root: Path, target: Target) -> BuiltBundle:
    """Dependencies, `evertrain/` less its command line, the function's own folder, and the project's TOML files."""
    sources = [*_package_files(root), *_python_files(root, bundle.folder), *_project_files(root)]
    compiled = target.compiler or "without bytecode"
    digest = _digest(root, sources, extra=[target.name, compiled, *_lock_text(root, bundle)])
    place = root / ".build" / "lambda" / target.name / bundle.name
    marker = place.with_suffix(".digest")
    with _exclusive(root):
        if not (place.is_dir() and marker.is_file() and marker.read_text() == digest):
            marker.unlink(missing_ok=True)
            shutil.rmtree(place, ignore_errors=True)
            place.parent.mkdir(parents=True, exist_ok=True)
            if bundle.lock is None:
                place.mkdir()
            else:
                # Linked, not copied: they are large, and nobody changes them.
                shutil.copytree(_dependencies(root, bundle.lock, target), place, copy_function=os.link)
            _copy(root, sources, place)
            _compile(target, place)
            _require_size_within_limit(bundle, place)
            marker.write_text(digest)
    return BuiltBundle(path=place, digest=digest)


def stage_training_image(*, root: Path) -> Path:
    """The context of `jobs/train/Dockerfile`. The embedded cloud runs from this very folder what the image runs: the
    job, and the function that is too large for a zip."""
    place = root / ".build" / "train-image"
    sources = [
        *_package_files(root),
        *_python_files(root, "jobs"),
        *_python_files(root, "lambdas/performance"),
        *sorted((root / "models").glob("*/*.py")),
        *_project_files(root),
        root / "requirements" / "train.txt",
    ]
    with _exclusive(root):
        _copy(root, sources, place)
        shutil.copyfile(root / "jobs" / "train" / "Dockerfile", place / "Dockerfile")
        kept = {place / source.relative_to(root) for source in sources} | {place / "Dockerfile"}
        for path in place.rglob("*"):
            if path.is_file() and path not in kept:
                path.unlink()
    return place


# --- what goes in ---------------------------------------------------------------------------------

_ON_ONE_S_OWN_MACHINE = frozenset({"api", "backfill", "cli", "demo", "replay", "scaffold", "terminal"})
"""Rooms of the package that no function and no job imports."""


def _package_files(root: Path) -> Iterator[Path]:
    for path in (*_python_files(root, "evertrain"), *sorted((root / "evertrain").rglob("*.jinja"))):
        if path.relative_to(root).parts[1] not in _ON_ONE_S_OWN_MACHINE:
            yield path


def _python_files(root: Path, folder: str) -> list[Path]:
    return sorted((root / folder).rglob("*.py"))


def _project_files(root: Path) -> list[Path]:
    """A model's own metric is run in training only, and read everywhere: `model.toml` names a function of it."""
    of_models = (*(root / "models").glob("*/model.toml"), *(root / "models").glob("*/metric.py"))
    return [*sorted((root / "features").glob("*.toml")), *sorted(of_models)]


def _lock_text(root: Path, bundle: Bundle) -> Iterator[str]:
    yield Path(__file__).read_text()  # what is left out is decided above
    if bundle.lock is not None:
        yield (root / "requirements" / bundle.lock).read_text()


def _digest(root: Path, sources: Iterable[Path], *, extra: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for text in extra:
        digest.update(hashlib.sha256(text.encode()).digest())
    for path in sources:
        digest.update(hashlib.sha256(path.relative_to(root).as_posix().encode()).digest())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _copy(root: Path, sources: Iterable[Path], place: Path) -> None:
    for source in sources:
        copy = place / source.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)


# --- dependencies ---------------------------------------------------------------------------------


def _dependencies(root: Path, lock: str, target: Target) -> Path:
    text = (root / "requirements" / lock).read_text()
    key = "\n".join((text, target.name, target.compiler or "", *UNUSED_PATTERNS))
    place = root / ".build" / "dependencies" / hashlib.sha256(key.encode()).hexdigest()[:16]
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        folder = Path(scratch) / "packages"
        _install(root / "requirements" / lock, folder, target)
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
def _exclusive(root: Path) -> Iterator[None]:
    """One synthesis at a time works in `.build`."""
    (root / ".build").mkdir(exist_ok=True)
    with (root / ".build" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
