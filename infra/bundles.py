"""Folders to be deployed: each function's dependencies and source, and the training image's context.

Plain Python, run during synthesis. A bundle's digest is made from what goes in, so an unchanged one is never deployed
again.
"""

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evertrain.toolchain.own_libraries import REQUIREMENTS
from evertrain.toolchain.workspace import Workspace
from infra.dependencies import (
    UNUSED_PATTERNS,
    UNUSED_WITHOUT_SCIPY,
    BundleFailed,
    Target,
    compile_bytecode,
    dependencies,
)

LAMBDA_MAX_BYTES = 250 * 1024 * 1024
"""Of a function, unzipped: AWS's limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A function's code: one of our folders, and the lock of what it needs besides the runtime's own boto3.

    `runs_models`: also the models' own code, and what models/requirements.txt names for it.
    """

    folder: str
    lock: str | None = None
    runs_models: bool = False

    @property
    def name(self) -> str:
        name = Path(self.folder).name
        return f"{name}-with-models" if self.runs_models else name


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltBundle:
    path: Path
    digest: str


def build_function(bundle: Bundle, *, workspace: Workspace, target: Target) -> BuiltBundle:
    """Dependencies, `evertrain/` less its command line, the function's own folder, and the project's TOML files."""
    sources = {
        **_package_files(workspace.package),
        **_python_files(workspace.deployables, bundle.folder),
        **_project_files(workspace.project),
        **(_model_code(workspace.project) if bundle.runs_models else {}),
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
                libraries = dependencies(
                    workspace.build, workspace.lock(bundle.lock), _own(workspace, bundle), target
                )
                shutil.copytree(libraries, place, copy_function=os.link)
            _copy(sources, place)
            # The libraries' own has been linked with them.
            compile_bytecode(target, place, sorted({name.partition("/")[0] for name in sources}))
            if bundle.runs_models and _size(place) > LAMBDA_MAX_BYTES:
                _drop_bytecode(bundle, place)
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
        **_model_code(workspace.project),
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


def _model_code(root: Path) -> Sources:
    return _below(root, sorted((root / "models").glob("*/*.py")))


def _own_requirements(workspace: Workspace) -> Sources:
    path = workspace.project / REQUIREMENTS
    return {"requirements/models.txt": path} if path.is_file() else {}


def _below(root: Path, paths: Iterable[Path]) -> Sources:
    return {path.relative_to(root).as_posix(): path for path in paths}


def _lock_text(workspace: Workspace, bundle: Bundle) -> Iterator[str]:
    yield Path(__file__).read_text()
    yield "\n".join((*UNUSED_PATTERNS, *UNUSED_WITHOUT_SCIPY))
    if bundle.lock is not None:
        yield workspace.lock(bundle.lock).read_text()
    yield from (path.read_text() for path in _own(workspace, bundle))


def _own(workspace: Workspace, bundle: Bundle) -> list[Path]:
    return list(_own_requirements(workspace).values()) if bundle.runs_models else []


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


def _drop_bytecode(bundle: Bundle, place: Path) -> None:
    """A slower start is better than none."""
    print(f"{bundle.name}: too large with bytecode, so it goes out without, and starts slower", file=sys.stderr)
    for path in sorted(place.rglob("__pycache__")):
        shutil.rmtree(path)


def _require_size_within_limit(bundle: Bundle, place: Path) -> None:
    if (size := _size(place)) > LAMBDA_MAX_BYTES:
        remedy = f"; {REQUIREMENTS} names what is too large" if bundle.runs_models else ""
        raise BundleFailed(
            f"{bundle.name}: {size / 2**20:.0f} MiB unzipped; AWS allows {LAMBDA_MAX_BYTES >> 20}{remedy}"
        )


def _size(place: Path) -> int:
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


@contextmanager
def _exclusive(build: Path) -> Iterator[None]:
    """One synthesis at a time works there."""
    build.mkdir(parents=True, exist_ok=True)
    with (build / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
