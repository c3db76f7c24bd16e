"""Starts and stops the embedded cloud as a process of its own. Standard library only; listens on 127.0.0.1 alone."""

import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
"""Or what of it the installed package has."""

REGION = "us-east-1"
NOT_RUNNING = "the embedded cloud is not running: `evertrain local up` starts it"
_START_TIMEOUT_SECONDS, _STOP_TIMEOUT_SECONDS = 30.0, 10.0


class EmbeddedCloudError(Exception):
    """The embedded cloud could not be started; the text says why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class EmbeddedCloud:
    """One embedded cloud: a port, and a home for its state. Several may run side by side."""

    home: Path
    port: int
    cloud_python: Path
    function_python: Path
    task_python: Path
    task_directory: Path
    snapshot_seconds: float = 5.0
    concurrency: int | None = None
    """Calls that one event source makes at a time, at most; None for as many as it declares."""

    record_calls: bool = False
    """Also what is allowed is written to `permissions_path`, once for each caller, action and resource."""

    chaos: Mapping[str, int] = field(default_factory=dict)
    """Roles whose distinct calls are refused once each, by pattern of their names, and how many calls of such a role
    are let through after one was refused."""

    @property
    def endpoint(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def log_path(self) -> Path:
        return self.home / "cloud.log"

    @property
    def environment_path(self) -> Path:
        """A file for a shell to source, there while the cloud runs."""
        return self.home / "environment"

    @property
    def permissions_path(self) -> Path:
        """JSON lines: caller, action, resource and decision of what was denied; there once anything was."""
        return self.home / "permissions.jsonl"

    def start(self) -> float | None:
        """Seconds until it answered; None where it was running already. Raises EmbeddedCloudError."""
        if self.running_pid() is not None and _is_healthy(self.port):
            return None
        if _is_healthy(self.port) or _is_taken(self.port):
            raise EmbeddedCloudError(
                f"something else listens on port {self.port}; stop it, or choose another with --port"
            )
        if not self.cloud_python.exists():
            raise EmbeddedCloudError(f"{self.cloud_python} is not there: `make setup` installs it")
        self.home.mkdir(parents=True, exist_ok=True)
        self._empty_scratch()
        self._scratch.mkdir()
        self.task_directory.mkdir(parents=True, exist_ok=True)
        # Only who can read this start's files can make a call: another user, or a web page, can't.
        credentials = {
            "AWS_ACCESS_KEY_ID": f"AKIA{secrets.token_hex(8).upper()}",
            "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
        }
        began = time.monotonic()
        with self.log_path.open("ab") as log:
            server = subprocess.Popen(
                [str(self.cloud_python), "-m", "localcloud.server"],
                cwd=REPOSITORY,
                env=self._server_environment() | credentials,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while time.monotonic() - began < _START_TIMEOUT_SECONDS and server.poll() is None:
            if _is_healthy(self.port):
                self._pid_path.write_text(str(server.pid))
                self._write_environment(credentials)
                server.returncode = 0  # it is meant to outlive us: no warning that it was left running
                return time.monotonic() - began
            time.sleep(0.05)
        if server.poll() is None:
            server.terminate()
        tail = "\n".join(self.log_path.read_text(errors="replace").splitlines()[-15:])
        raise EmbeddedCloudError(f"the embedded cloud did not start; the end of {self.log_path}:\n{tail}")

    def stop(self) -> bool:
        """False where it was not running. Ends what it started, too."""
        pid = self.running_pid()
        if pid is None:
            return False
        os.kill(pid, signal.SIGTERM)
        if not _has_ended(pid, within_seconds=_STOP_TIMEOUT_SECONDS):
            # Its state was saved first; now it waits for work in hand, for ever if that never ends.
            os.kill(pid, signal.SIGKILL)
            _has_ended(pid, within_seconds=_STOP_TIMEOUT_SECONDS)
        self._pid_path.unlink(missing_ok=True)
        self.environment_path.unlink(missing_ok=True)
        self._empty_scratch()
        return True

    def forget(self) -> None:
        """Empties the home of a cloud that is not running."""
        shutil.rmtree(self.home, ignore_errors=True)

    def running_pid(self) -> int | None:
        try:
            pid = int(self._pid_path.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if _is_ours(pid) else None

    def memory_mb(self) -> float:
        """Resident memory of the server and of every function and task that it runs."""
        pid = self.running_pid()
        return sum(_resident_mb(each) for each in _descendants(pid)) if pid else 0.0

    def processor_seconds(self) -> float:
        """Used so far by the server and by every function and task that it has run."""
        pid = self.running_pid()
        return sum(_processor_seconds(each) for each in _descendants(pid)) if pid else 0.0

    def environment(self) -> dict[str, str]:
        """What points AWS's tools, boto3 and the CDK at this cloud, while it runs. Raises EmbeddedCloudError."""
        if self.running_pid() is None or not self.environment_path.exists():
            raise EmbeddedCloudError(NOT_RUNNING)
        words = shlex.split(self.environment_path.read_text(), comments=True)
        return dict(word.split("=", 1) for word in words if "=" in word)

    def _write_environment(self, credentials: dict[str, str]) -> None:
        variables = credentials | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,  # the CDK reads this one,
            "AWS_DEFAULT_REGION": REGION,  # boto3 this one
            "CDK_DOCKER": str(REPOSITORY / "localcloud" / "no_docker.sh"),
        }
        self.environment_path.touch(mode=0o600)
        self.environment_path.write_text(
            "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
        )

    @property
    def _pid_path(self) -> Path:
        return self.home / "pid"

    @property
    def _scratch(self) -> Path:
        return self.home / "tmp"

    def _empty_scratch(self) -> None:
        """Functions are unpacked here, some hundred MB each, and what was ended by a signal leaves its own behind."""
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _server_environment(self) -> dict[str, str]:
        # The caller's own AWS settings and modules must never reach functions and tasks. Functions unpack to a new
        # place each time: bytecode kept for that place would only pile up.
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("AWS_")
            and name not in ("PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")
        }
        return inherited | {
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",  # ministack's own default is every interface
            "MINISTACK_REGION": REGION,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.home / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.home / "s3"),
            "SFTP_ENABLED": "0",  # these two would open ports of their own
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "INFO"),
            "TMPDIR": str(self._scratch),
            "LOCALCLOUD_HOME": str(self.home),
            "LOCALCLOUD_FUNCTION_PYTHON": str(self.function_python),
            "LOCALCLOUD_TASK_PYTHON": str(self.task_python),
            "LOCALCLOUD_TASK_DIRECTORY": str(self.task_directory),
            "LOCALCLOUD_BYTECODE": str(self.task_directory.with_name("bytecode")),
            "LOCALCLOUD_SNAPSHOT_SECONDS": str(self.snapshot_seconds),
            "LOCALCLOUD_CONCURRENCY": str(self.concurrency or 0),
            "LOCALCLOUD_RECORD_CALLS": "1" if self.record_calls else "0",
            "LOCALCLOUD_CHAOS": json.dumps(dict(self.chaos)),
            "AUTH": "true",  # every call needs its caller's permission
            "MALLOC_ARENA_MAX": "2",  # many short-lived threads: glibc would keep an arena of freed memory for each
        }


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=2) as answer:
            return "services" in json.load(answer)
    except (OSError, ValueError):
        return False


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _has_ended(pid: int, *, within_seconds: float) -> bool:
    deadline = time.monotonic() + within_seconds
    while _is_ours(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _is_ours(pid: int) -> bool:
    """The pid is alive and still our server: after a reboot it may be anybody's."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists():
            return not Path("/proc/self/stat").exists()  # no procfs here: the pid file is all there is
        # A container's init may leave the dead unreaped for a while; signals still "reach" them.
        is_zombie = stat.read_text().rpartition(")")[2].split()[0] == "Z"
        return not is_zombie and b"localcloud.server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (ProcessLookupError, PermissionError, FileNotFoundError):
        return False


def _descendants(root: int) -> set[int]:
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _resident_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _processor_seconds(pid: int) -> float:
    """With those of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
