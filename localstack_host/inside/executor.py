"""LocalStack's Lambda executor for a plain host: a child process for each execution environment.

One Python runs all functions, the one in LAMBDA_PYTHON; a function of another runtime is refused when it is created.
"""

import logging
import os
import subprocess
import time
from functools import cache
from pathlib import Path

from localstack import config
from localstack.services.lambda_.invocation.executor_endpoint import NAMESPACE, StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from localstack_host.inside.sandbox import InitialisationFailed, Invocation, Sandbox
from localstack_host.marked_processes import MARK_VARIABLE

LOG = logging.getLogger(__name__)


@cache
def installed_runtime() -> str:
    program = "import sys; print('python%d.%d' % sys.version_info[:2])"
    command = [os.environ["LAMBDA_PYTHON"], "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class ProcessExecutor(RuntimeExecutor):  # type: ignore[misc]  # LocalStack has no types for us
    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002
        super().__init__(id, function_version)
        self._sandbox = Sandbox()
        self._env: dict[str, str] = {}

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        settings = function_version.config
        if not settings.code:
            raise LookupError("only functions of package type Zip run here")
        if settings.runtime != installed_runtime():
            raise LookupError(f"runtime {settings.runtime} is not installed here; {installed_runtime()} is")
        settings.code.prepare_for_execution()
        for layer in settings.layers:
            layer.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Nothing is kept for a version."""

    def start(self, env_vars: dict[str, str]) -> None:
        self._env = self._environment(env_vars)
        self._boot()

    def stop(self) -> None:
        self._sandbox.kill()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        if not self._sandbox.is_alive:
            # As on AWS: after a time-out or a crash, the next invocation initialises the runtime again.
            self._sandbox.kill()
            self._sandbox = Sandbox()
            self._boot()
        settings = self.function_version.config
        request_id = payload["invoke-id"]
        began = time.monotonic()
        outcome = self._sandbox.invoke(
            Invocation(
                request_id=request_id,
                function_arn=payload["invoked-function-arn"],
                trace_id=payload["trace-id"],
                payload=payload["payload"].encode(),
                deadline_ms=int((time.time() + settings.timeout) * 1000),
            ),
            timeout_seconds=settings.timeout,
        )
        duration_ms = (time.monotonic() - began) * 1000
        logs = (
            f"START RequestId: {request_id} Version: {self.function_version.id.qualifier}\n"
            f"{self._sandbox.new_output()}"
            f"END RequestId: {request_id}\n"
            f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms"
            f"\tBilled Duration: {int(duration_ms) + 1} ms"
            f"\tMemory Size: {settings.memory_size} MB\tMax Memory Used: {self._sandbox.peak_memory_mib} MB\n"
        )
        return InvocationResult(request_id, outcome.payload, is_error=outcome.is_error, logs=logs)

    def get_address(self) -> str:
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        return f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}{NAMESPACE}/{self.id}"

    def get_logs(self) -> str:
        return self._sandbox.new_output()

    def _boot(self) -> None:
        settings = self.function_version.config
        try:
            self._sandbox.start(
                [os.environ["LAMBDA_PYTHON"], "-m", "awslambdaric", self._env["_HANDLER"]],
                cwd=Path(settings.code.get_unzipped_code_location()),
                env=self._env,
            )
        except InitialisationFailed as error:
            LOG.warning("Lambda %s failed to start:\n%s", self.function_version.qualified_arn, self.get_logs())
            self._sandbox.kill()
            raise StatusErrorException("Environment startup failed", payload=error.payload) from error

    def _environment(self, env_vars: dict[str, str]) -> dict[str, str]:
        settings = self.function_version.config
        task_root = str(settings.code.get_unzipped_code_location())
        layers = [str(Path(layer.code.get_unzipped_code_location()) / "python") for layer in settings.layers]
        own = {name: str(value) for name, value in env_vars.items()}
        return own | {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{settings.runtime}",
            "LAMBDA_TASK_ROOT": task_root,
            "LANG": own.get("LANG", "en_US.UTF-8"),
            "PATH": own.get("PATH", f"{Path(os.environ['LAMBDA_PYTHON']).parent}:{os.defpath}"),
            "PYTHONPATH": os.pathsep.join([task_root, *layers, *filter(None, [own.get("PYTHONPATH")])]),
            "NO_PROXY": "127.0.0.1",
            MARK_VARIABLE: os.environ[MARK_VARIABLE],
        }
