"""LocalStack as a background process of this host: started once, found again, ended with all that it started.

Its home holds `localstack.log`, `run.json` and its scratch folders. State is lost when it ends.
"""

import fcntl
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from localstack_host.installation import Installation
from localstack_host.marked_processes import MARK_VARIABLE, find_marked_pids, terminate_marked

SCRATCH = ("files", "tmp")


class NotStarted(Exception):
    """LocalStack did not come up; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    pid: int
    endpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    home: Path
    installation: Installation

    LOG_TAIL_LINES: ClassVar[int] = 20

    def running_endpoint(self) -> str | None:
        """The endpoint of the LocalStack of this home, where it is ready."""
        run = self._run()
        return run.endpoint if run and run.pid in find_marked_pids(self._mark) and is_ready(run.endpoint) else None

    def start(self, *, port: int, wait_seconds: float, report_progress: Callable[[str], None]) -> str:
        """Its endpoint. One that runs already is left as it is, if it is at that port; port 0 means any."""
        if not self.installation.is_complete:
            raise NotStarted("LocalStack is not installed: run `python -m localstack_host setup` first")
        with self._exclusive():
            endpoint = self.running_endpoint()
            if endpoint is None:
                self._terminate(wait_seconds=0)  # what a crash may have left
                endpoint = self._launch(port=port, wait_seconds=wait_seconds, report_progress=report_progress)
            elif port and not endpoint.endswith(f":{port}"):
                raise NotStarted(f"LocalStack runs at {endpoint} already; stop it first")
            return endpoint

    def stop(self, *, wait_seconds: float) -> None:
        """Ends the processes that were started from this home, and no others."""
        with self._exclusive():
            self._terminate(wait_seconds=wait_seconds)

    def _launch(self, *, port: int, wait_seconds: float, report_progress: Callable[[str], None]) -> str:
        endpoint = f"http://127.0.0.1:{_free_port(port)}"
        self._prepare()
        began = time.monotonic()
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                [self.installation.python, "-m", "localstack_host.inside"],
                env=self._environment(endpoint),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._run_file.write_text(json.dumps(asdict(Run(pid=process.pid, endpoint=endpoint))))
        while not is_ready(endpoint):
            if process.poll() is not None or time.monotonic() - began > wait_seconds:
                end = self._log.read_text(errors="replace").splitlines()[-self.LOG_TAIL_LINES :]
                self._terminate(wait_seconds=0)
                process.wait()
                raise NotStarted("\n".join([f"not ready; {self._log} ends with:", *end]))
            time.sleep(0.1)
        report_progress(f"ready after {time.monotonic() - began:.1f} s, process {process.pid}, log in {self._log}")
        return endpoint

    def _terminate(self, *, wait_seconds: float) -> None:
        run = self._run()
        if run is not None:
            terminate_marked(self._mark, first=run.pid, wait_seconds=wait_seconds)
        for name in SCRATCH:
            shutil.rmtree(self.home / name, ignore_errors=True)
        self._run_file.unlink(missing_ok=True)

    def _prepare(self) -> None:
        for name in SCRATCH:
            (self.home / name).mkdir()
        # Under its root folder LocalStack looks for DynamoDB Local and Java, before it would download them.
        libraries = self.home / "files" / "usr" / "lib" / "localstack"
        libraries.parent.mkdir(parents=True)
        libraries.symlink_to(self.installation.libraries)

    def _environment(self, endpoint: str) -> dict[str, str]:
        here = endpoint.removeprefix("http://")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
        return {
            # Those before `inherited` are defaults, which the caller's environment may change.
            "LAMBDA_KEEPALIVE_MS": "60000",
            "DYNAMODB_HEAP_SIZE": "256m",
            **inherited,
            MARK_VARIABLE: self._mark,
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "LAMBDA_PYTHON": str(self.installation.lambda_python),
            "GATEWAY_LISTEN": here,
            "LOCALSTACK_HOST": here,
            "FILESYSTEM_ROOT": str(self.home / "files"),
            "TMPDIR": str(self.home / "tmp"),
            "OVERRIDE_IN_DOCKER": "0",
            # The default one puts host names in queue URLs that only a name server resolves.
            "SQS_ENDPOINT_STRATEGY": "path",
            # DynamoDB Local's own streams; the default provider fetches another server when it is first used.
            "PROVIDER_OVERRIDE_DYNAMODB": "v2",
            "PROVIDER_OVERRIDE_DYNAMODBSTREAMS": "v2",
            "DYNAMODB_IN_MEMORY": "1",
            # Else CloudFormation reports CREATE_COMPLETE for types that it lacks; see `inside/patches.py`.
            "CFN_IGNORE_UNSUPPORTED_RESOURCE_TYPES": "0",
            # No usage statistics, no certificate from the internet, no name server.
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DNS_ADDRESS": "0",
        }

    @property
    def _mark(self) -> str:
        return str(self.home.resolve())

    @property
    def _log(self) -> Path:
        return self.home / "localstack.log"

    @property
    def _run_file(self) -> Path:
        return self.home / "run.json"

    def _run(self) -> Run | None:
        try:
            return Run(**json.loads(self._run_file.read_text()))
        except FileNotFoundError:
            return None

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Two that start it at once get the same one."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def is_ready(endpoint: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{endpoint}/_localstack/init/ready", timeout=5) as answer:
            return bool(json.load(answer)["completed"])
    except OSError:
        return False


def _free_port(wanted: int) -> int:
    # If its port is taken, LocalStack reports that it is ready and then never answers.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except (OSError, OverflowError) as error:
            raise NotStarted(f"port {wanted}: {error}") from error
        port: int = probe.getsockname()[1]
        return port
