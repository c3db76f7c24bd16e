"""Containers as local processes: the five calls of a Docker client that ministack's ECS makes, no more.

An image cannot run here, so its ENTRYPOINT is unknown: a task definition must name its whole command.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any


class ProcessDockerClient:
    """Stands where ministack expects a Docker client."""

    def __init__(self, *, python: str, directory: str, bytecode: str, log_directory: Path) -> None:
        self._python = python
        self._bytecode = bytecode
        self._directory = directory
        self._log_directory = log_directory
        self._running: dict[str, ProcessContainer] = {}
        self.containers = self

    def run(
        self, image: str, *, command: Sequence[str], environment: Mapping[str, str], **ignored: object
    ) -> "ProcessContainer":
        if not command:
            raise ValueError(f"{image}: the task definition names no command, and the image's own is unknown here")
        self._log_directory.mkdir(parents=True, exist_ok=True)
        container = ProcessContainer(
            self._resolved(command),
            environment=self._environment(environment),
            directory=self._directory,
            log_directory=self._log_directory,
            forget=lambda container_id: self._running.pop(container_id, None),
        )
        self._running[container.id] = container
        return container

    def get(self, container_id: str) -> "ProcessContainer":
        return self._running[container_id]

    def stop_all(self) -> None:
        for container in list(self._running.values()):
            container.stop(timeout=2)

    def _search_path(self) -> str:
        return os.pathsep.join([str(Path(self._python).parent), os.environ.get("PATH", os.defpath)])

    def _resolved(self, command: Sequence[str]) -> list[str]:
        program, *arguments = command
        if Path(program).name in ("python", "python3"):
            return [self._python, *arguments]
        found = shutil.which(program, path=self._search_path())
        if found is None:
            raise FileNotFoundError(f"the container's command is not there: {program}")
        return [found, *arguments]

    def _environment(self, declared: Mapping[str, str]) -> dict[str, str]:
        # A container inherits nothing of its host: only what a process needs to run at all.
        needed = {
            "PATH": self._search_path(),
            "HOME": tempfile.gettempdir(),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            # An image has its libraries' bytecode. Beside the sources it would change the asset's hash.
            "PYTHONPYCACHEPREFIX": self._bytecode,
        }
        return needed | {name: str(value) for name, value in declared.items()}


class ProcessContainer:
    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: str,
        log_directory: Path,
        forget: Callable[[str], object],
    ) -> None:
        self.id = uuid.uuid4().hex
        self.attrs: dict[str, Any] = {"NetworkSettings": {"Networks": {}}}
        self._forget = forget
        self._log_path = log_directory / f"{self.id[:12]}.log"
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def status(self) -> str:
        return "running" if self._process.poll() is None else "exited"

    def reload(self) -> None:
        """Docker caches the status, a process does not."""

    def wait(self) -> dict[str, int]:
        code = self._process.wait()
        # Docker reports death by signal n as 128 + n, Python as -n.
        return {"StatusCode": code if code >= 0 else 128 - code}

    def stop(self, timeout: float = 30) -> None:
        self._signal_group(signal.SIGTERM)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._signal_group(signal.SIGKILL)
            self._process.wait()

    def remove(self, **ignored: object) -> None:
        self._forget(self.id)

    def logs(self, *, stream: bool = False, **ignored: object) -> bytes | Iterator[bytes]:
        return self._follow() if stream else self._log_path.read_bytes()

    def _follow(self) -> Iterator[bytes]:
        with self._log_path.open("rb") as log:
            pending = b""
            while True:
                has_ended = self.status == "exited"
                pending += log.read()
                *lines, pending = pending.split(b"\n")
                yield from lines
                if has_ended:
                    if pending:
                        yield pending
                    return
                time.sleep(0.05)

    def _signal_group(self, number: int) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
