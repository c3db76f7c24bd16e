"""Lambda: functions run on the Python that has boto3, and fail under their exception's own name."""

import contextlib
import os
import queue
import threading
import time
from collections import defaultdict, deque
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from localcloud.patches.patching import MinistackChanged, replaces


def use_function_interpreter() -> None:
    """AWS's Python runtime brings boto3; ministack runs functions on its own interpreter, which does not."""

    @replaces(lambda_runtime, "_detect_runtime_binary")
    def detect_runtime_binary(original: Any, runtime: str) -> Any:
        binary, script = original(runtime)
        return (os.environ["LOCALCLOUD_FUNCTION_PYTHON"] if runtime.startswith("python") else binary), script


def install_log_handler() -> None:
    """AWS's Python runtime gives the root logger a handler; here only what is printed reached the log group.

    It also costs time: ministack waits 50 ms for the output of a call that prints nothing.
    """
    first = "    init = json.loads(sys.stdin.readline())\n"
    if lambda_runtime._PYTHON_WORKER_SCRIPT.count(first) != 1:
        raise MinistackChanged("localcloud: ministack's worker script for Python begins otherwise now")
    handler = '    import logging; logging.basicConfig(stream=sys.stderr, format="[%(levelname)s] %(message)s")\n'
    lambda_runtime._PYTHON_WORKER_SCRIPT = lambda_runtime._PYTHON_WORKER_SCRIPT.replace(first, handler + first)


def report_error_types() -> None:
    """On AWS errorType is the exception's class name, which Retry and Catch match on; here it is one for all."""
    raised = threading.local()
    plain = '"error": str(e), "trace"'
    if lambda_runtime._PYTHON_WORKER_SCRIPT.count(plain) != 1:
        raise MinistackChanged("localcloud: ministack's worker script for Python reports errors otherwise now")
    lambda_runtime._PYTHON_WORKER_SCRIPT = lambda_runtime._PYTHON_WORKER_SCRIPT.replace(
        plain, '"error": str(e), "error_type": type(e).__name__, "trace"'
    )

    @replaces(lambda_runtime.Worker, "invoke")
    def invoke(original: Any, worker: Any, *args: Any, **kwargs: Any) -> Any:
        answer = original(worker, *args, **kwargs)
        raised.error_type = answer.get("error_type")
        return answer

    @replaces(lambda_svc, "_execute_function_warm")
    def execute_function_warm(original: Any, function: Any, event: Any, request_id: str) -> Any:
        raised.error_type = None
        answer = original(function, event, request_id)
        if answer.get("error") and raised.error_type:
            answer["body"]["errorType"] = raised.error_type
        return answer


IDLE_SECONDS = 60.0


def end_idle_environments() -> None:
    """AWS ends an environment that nobody calls; ministack keeps the first of each version, and versions add up."""

    @replaces(lambda_svc, "reap_idle_workers")
    def reap_idle_workers(original: Any) -> int:
        now = time.time()
        with lambda_runtime._lock:
            idle = [
                (key, worker)
                for key, workers in lambda_runtime._workers.items()
                for worker in workers
                if not worker.in_use and now - worker.last_used > IDLE_SECONDS
            ]
            for key, worker in idle:
                lambda_runtime._workers[key].remove(worker)
        lambda_runtime.kill_workers([worker for _, worker in idle])
        return len(idle)


MAX_WAIT_SECONDS = 30.0
"""For an environment; then the call is throttled, as on AWS."""


def share_environments() -> None:
    """AWS starts an environment for each call that finds none free. Here each is a process, of up to 200 MB, and more
    of them than processors answer no sooner: a call waits for one of its function's that comes free, those that came
    first before the others. Where many functions have some, the one that was idle for longest is ended."""
    per_function = max(2, os.cpu_count() or 1)
    at_most = 4 * per_function
    lock = threading.Lock()
    lines: defaultdict[str, deque[threading.Condition]] = defaultdict(deque)

    def call_next(key: str) -> None:
        if lines[key]:
            lines[key][0].notify()

    @replaces(lambda_svc, "acquire_worker")
    def acquire_worker(original: Any, name: str, config: Any, code: Any, **options: Any) -> tuple[Any, str]:
        key = lambda_runtime._worker_key(name, config, options.get("qualifier", "$LATEST"))
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        found: tuple[Any, str] = (None, "func_cap")
        with lock:
            turn = threading.Condition(lock)
            lines[key].append(turn)
            try:
                while (left := deadline - time.monotonic()) > 0:
                    if lines[key][0] is turn:
                        found = original(name, config, code, **options, max_concurrency=per_function)
                        if found[0] is not None:
                            break
                    turn.wait(left)
            finally:
                lines[key].remove(turn)
                call_next(key)
        if found[0] is not None:
            found[0].line = key
        if found[1] == "spawn":
            _end_longest_idle(at_most)
        return found

    @replaces(lambda_svc, "release_worker")
    def release_worker(original: Any, worker: Any) -> None:
        original(worker)
        with lock:
            call_next(getattr(worker, "line", ""))


def _end_longest_idle(at_most: int) -> None:
    with lambda_runtime._lock:
        all_of_them = [(key, worker) for key, workers in lambda_runtime._workers.items() for worker in workers]
        idle = sorted((each for each in all_of_them if not each[1].in_use), key=lambda each: each[1].last_used)
        ended = idle[: max(0, len(all_of_them) - at_most)]
        for key, worker in ended:
            lambda_runtime._workers[key].remove(worker)
    lambda_runtime.kill_workers([worker for _, worker in ended])


def limit_concurrency() -> None:
    """AWS runs as many environments as a source declares; here each is a process, and a laptop may want few."""
    limit = int(os.environ["LOCALCLOUD_CONCURRENCY"])

    @replaces(lambda_svc, "_sqs_esm_concurrency")
    def sqs_esm_concurrency(original: Any, *args: Any, **kwargs: Any) -> int:
        declared: int = original(*args, **kwargs)
        return min(limit, declared) if limit else declared


def wait_for_logs_without_polling() -> None:
    """ministack looks a thousand times a second whether a call that has answered also logged something."""

    @replaces(lambda_runtime.Worker, "_drain_stderr_bounded")
    def drain_stderr_bounded(
        original: Any, worker: Any, first_line_wait: float = 0.05, idle_confirm: float = 0.005, hard_cap: float = 0.25
    ) -> str:
        lines: list[str] = []
        wait, deadline = first_line_wait, time.monotonic() + hard_cap
        with contextlib.suppress(queue.Empty):
            while (left := deadline - time.monotonic()) > 0:
                lines.append(worker._stderr_queue.get(timeout=min(wait, left)))
                wait = idle_confirm
        return "\n".join(lines)
