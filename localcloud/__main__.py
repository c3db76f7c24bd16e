"""`python -m localcloud start | stop | status | environment`."""

import argparse
import sys
from pathlib import Path

from localcloud.launcher import NOT_RUNNING, EmbeddedCloud, EmbeddedCloudError


def main() -> int:
    options = _parse()
    cloud = EmbeddedCloud(
        home=options.home.resolve(),
        port=options.port,
        # absolute(), not resolve(): resolving the symlink bin/python would leave the virtual environment.
        cloud_python=options.cloud_python.absolute(),
        function_python=options.function_python.absolute(),
        task_python=options.task_python.absolute(),
        task_directory=options.task_dir.absolute(),
        snapshot_seconds=options.snapshot_seconds,
        concurrency=options.concurrency,
    )
    try:
        {"start": _start, "stop": _stop, "status": _status, "environment": _environment}[options.verb](cloud, options)
    except EmbeddedCloudError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _start(cloud: EmbeddedCloud, options: argparse.Namespace) -> None:
    if options.fresh:
        cloud.stop()
        cloud.forget()
    seconds = cloud.start()
    description = "was running already" if seconds is None else f"is ready after {seconds:.1f} s"
    print(f"the embedded cloud {description}: {cloud.endpoint}, log {cloud.log_path}")


def _stop(cloud: EmbeddedCloud, options: argparse.Namespace) -> None:
    print("the embedded cloud stopped, its state is saved" if cloud.stop() else "the embedded cloud is not running")


def _status(cloud: EmbeddedCloud, options: argparse.Namespace) -> None:
    pid = cloud.running_pid()
    if pid is None:
        raise EmbeddedCloudError(NOT_RUNNING)
    print(f"the embedded cloud runs at {cloud.endpoint}: pid {pid}, {cloud.memory_mb():.0f} MB, home {cloud.home}")


def _environment(cloud: EmbeddedCloud, options: argparse.Namespace) -> None:
    cloud.environment()
    print(cloud.environment_path.read_text(), end="")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description=__doc__)
    parser.add_argument("verb", choices=("start", "stop", "status", "environment"))
    parser.add_argument("--fresh", action="store_true", help="forget everything first")
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--home", type=Path, default=Path(".localcloud"), help="state, logs and pid file")
    parser.add_argument("--cloud-python", type=Path, default=Path(".venv-cloud/bin/python"), help="with ministack")
    parser.add_argument(
        "--function-python", type=Path, default=Path(".venv-lambda/bin/python"), help="with boto3, as Lambda has it"
    )
    parser.add_argument(
        "--task-python", type=Path, default=Path(".venv/bin/python"), help="with what the container image has"
    )
    parser.add_argument(
        "--task-dir", type=Path, default=Path(".build/train-image"), help="where container commands run"
    )
    parser.add_argument("--concurrency", type=int, help="calls of one event source at a time; by default as declared")
    parser.add_argument("--snapshot-seconds", type=float, default=60.0, help="between two saves of the state")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
