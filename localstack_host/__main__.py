"""`python -m localstack_host setup|start|stop|status`. `start` prints the endpoint and nothing else on stdout."""

import argparse
import os
import sys
from pathlib import Path

from localstack_host.installation import Installation, SetupFailed
from localstack_host.server import NotStarted, Server

NOT_RUNNING = 3
"""The exit status of `status`, as system services have it."""


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    root = Path(__file__).parents[1]
    installation = Installation(root=root)
    server = Server(home=root / ".localstack", installation=installation)
    try:
        match options.command:
            case "setup":
                installation.set_up(python=options.python, report_progress=_say)
            case "start":
                print(server.start(port=options.port, wait_seconds=options.wait, report_progress=_say))
            case "stop":
                server.stop(wait_seconds=options.wait)
            case "status":
                endpoint = server.running_endpoint()
                print(endpoint or "not running")
                return 0 if endpoint else NOT_RUNNING
    except (SetupFailed, NotStarted) as error:
        _say(str(error))
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="localstack_host", description="LocalStack 4.14 without containers.")
    commands = parser.add_subparsers(dest="command", required=True)
    setup = commands.add_parser("setup", help="install it from hashed locks; cheap when it is there")
    setup.add_argument("--python", default=os.environ.get("PYTHON313"), help="a Python 3.13 (default: looked for)")
    start = commands.add_parser("start", help="start it, unless it runs, and print its endpoint")
    start.add_argument("--port", type=int, default=0, help="default: a free one")
    start.add_argument("--wait", type=float, default=90, metavar="SECONDS", help="for it to be ready")
    stop = commands.add_parser("stop", help="end it and all that it started; no error when it does not run")
    stop.add_argument("--wait", type=float, default=20, metavar="SECONDS", help="before it is killed")
    commands.add_parser("status", help=f"its endpoint, or exit status {NOT_RUNNING}")
    return parser


def _say(sentence: str) -> None:
    print(f"localstack: {sentence}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
