"""One child process that runs a function's handler. Knows nothing of LocalStack.

Time-outs are enforced; memory, disk and network are not.
"""

import os
import queue
import signal
import subprocess
import tempfile
import threading
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from json import dumps
from pathlib import Path

from localstack_host.inside.runtime_api import RuntimeApi

MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    request_id: str
    function_arn: str
    trace_id: str
    payload: bytes
    deadline_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    payload: bytes
    is_error: bool


class InitialisationFailed(Exception):
    """The handler could not be loaded; `payload` is what the runtime said."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload.decode(errors="replace"))
        self.payload = payload


def failure(error_type: str, message: str) -> bytes:
    return dumps({"errorType": error_type, "errorMessage": message}).encode()


class Sandbox:
    """Started by `start`, used for one invocation at a time, ended by `kill`."""

    def __init__(self) -> None:
        self._invocations: queue.Queue[Invocation | None] = queue.Queue()
        self._ready: Future[None] = Future()
        self._outcome: Future[Outcome] = Future()
        self._request_id = ""
        # A file, not a pipe: it never blocks the handler, and all of it is there when the response is.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the sandbox
        self._log_read_to = 0
        self._final_output = b""
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False
        self._api = RuntimeApi(self)

    @property
    def is_alive(self) -> bool:
        return not self._killed and self._process is not None and self._process.poll() is None

    @property
    def peak_memory_mib(self) -> int:
        if self._process is None:
            return 0
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:
            return 0
        peak = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
        return int(peak.split()[1]) // 1024

    def start(self, command: list[str], *, cwd: Path, env: dict[str, str]) -> None:
        """Returns when the runtime asks for its first invocation. The caller bounds the wait, by `kill`."""
        with self._lock:
            if self._killed:
                raise InitialisationFailed(failure("Sandbox.Stopped", "stopped before it started"))
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env=env | {"AWS_LAMBDA_RUNTIME_API": self._api.address},
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            # It listens already, so the process may be faster; without a process there is nothing to serve.
            threading.Thread(target=self._api.serve_forever, name="lambda-runtime-api", daemon=True).start()
        threading.Thread(target=self._watch, args=[self._process], name="lambda-watch", daemon=True).start()
        self._ready.result()

    def invoke(self, invocation: Invocation, *, timeout_seconds: float) -> Outcome:
        with self._lock:
            self._outcome = Future()
            self._request_id = invocation.request_id
        if not self.is_alive:
            self._fail(self._exit_message())
        self._invocations.put(invocation)
        try:
            return self._outcome.result(timeout=timeout_seconds)
        except TimeoutError:
            self.kill()
            message = f"RequestId: {invocation.request_id} Error: Task timed out after {timeout_seconds:.2f} seconds"
            return Outcome(payload=failure("Sandbox.Timedout", message), is_error=True)

    def new_output(self) -> str:
        """What the handler printed since the last call."""
        with self._lock:
            text, self._final_output = self._final_output + self._unread(), b""
        return text.decode(errors="replace")

    def kill(self) -> None:
        with self._lock:
            if self._killed:
                return
            self._killed = True
            process = self._process
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        with self._lock:
            self._final_output = self._unread()
            self._log.close()
        self._fail(failure("Sandbox.Stopped", "the execution environment was stopped"))
        self._invocations.put(None)
        # In a thread of its own: shutdown waits for serve_forever, which may not have begun.
        threading.Thread(target=self._close, name="lambda-close", daemon=True).start()

    # --- what the function's runtime asks -----------------------------------------------------------

    def next_invocation(self) -> tuple[dict[str, str], bytes] | None:
        with self._lock:
            if not self._ready.done():
                self._ready.set_result(None)
        invocation = self._invocations.get()
        if invocation is None:
            return None
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
        }
        return headers, invocation.payload

    def initialisation_failed(self, error: bytes) -> None:
        with self._lock:
            if not self._ready.done():
                self._ready.set_exception(InitialisationFailed(error))

    def responded(self, request_id: str, payload: bytes) -> None:
        if len(payload) > MAX_RESPONSE_BYTES:
            message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
            self.failed(request_id, failure("Function.ResponseSizeTooLarge", message))
        else:
            self._finish(request_id, Outcome(payload=payload, is_error=False))

    def failed(self, request_id: str, error: bytes) -> None:
        self._finish(request_id, Outcome(payload=error, is_error=True))

    # ------------------------------------------------------------------------------------------------

    def _unread(self) -> bytes:
        if self._log.closed:
            return b""
        size = os.fstat(self._log.fileno()).st_size
        text = os.pread(self._log.fileno(), size - self._log_read_to, self._log_read_to)
        self._log_read_to = size
        return text

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._fail(self._exit_message())

    def _exit_message(self) -> bytes:
        code = self._process.poll() if self._process else None
        reason = f"signal: {signal.Signals(-code).name}" if code and code < 0 else f"exit status {code}"
        message = f"RequestId: {self._request_id} Error: Runtime exited with error: {reason}"
        return failure("Runtime.ExitError", message)

    def _fail(self, error: bytes) -> None:
        self.initialisation_failed(error)
        self._finish(self._request_id, Outcome(payload=error, is_error=True))

    def _finish(self, request_id: str, outcome: Outcome) -> None:
        with self._lock:
            # A late answer belongs to nobody.
            if not self._outcome.done() and request_id == self._request_id:
                self._outcome.set_result(outcome)

    def _close(self) -> None:
        if self._process is not None:
            self._api.shutdown()
        self._api.server_close()
