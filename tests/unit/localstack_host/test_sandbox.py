"""A function's process and the Runtime API, with a small runtime that speaks it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstack_host.inside.sandbox import InitialisationFailed, Invocation, Sandbox

RUNTIME = """
import http.client, json, os, sys, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

def ask(method, path, body=None):
    api.request(method, "/2018-06-01/runtime" + path, body)
    answer = api.getresponse()
    return answer.headers, answer.read()

if sys.argv[1:] == ["broken"]:
    ask("POST", "/init/error", b'{"errorType": "Runtime.ImportModuleError"}')
    sys.exit(1)
while True:
    headers, payload = ask("GET", "/invocation/next")
    event, request = json.loads(payload), headers["Lambda-Runtime-Aws-Request-Id"]
    print("got", event, flush=True)
    if event == "sleep":
        time.sleep(60)
    if event == "die":
        os._exit(7)
    if event == "raise":
        ask("POST", f"/invocation/{request}/error", b'{"errorType": "ValueError"}')
    elif event == "much":
        ask("POST", f"/invocation/{request}/response", b"x" * (7 * 1024 * 1024))
    else:
        ask("POST", f"/invocation/{request}/response", json.dumps(event).encode())
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.kill()


def start(sandbox: Sandbox, tmp_path: Path, *arguments: str) -> Sandbox:
    sandbox.start([sys.executable, "-c", RUNTIME, *arguments], cwd=tmp_path, env={})
    return sandbox


def an_invocation(event: str) -> Invocation:
    payload = f'"{event}"'.encode()
    return Invocation(request_id=f"id-{event}", function_arn="arn", trace_id="trace", payload=payload, deadline_ms=0)


def test_invocations_are_answered_and_their_output_is_kept(sandbox: Sandbox, tmp_path: Path) -> None:
    start(sandbox, tmp_path)
    assert sandbox.invoke(an_invocation("one"), timeout_seconds=20).payload == b'"one"'
    assert sandbox.new_output() == "got one\n"
    assert sandbox.invoke(an_invocation("two"), timeout_seconds=20).payload == b'"two"'
    assert sandbox.new_output() == "got two\n"
    assert sandbox.is_alive


def test_an_error_of_the_handler_is_its_outcome(sandbox: Sandbox, tmp_path: Path) -> None:
    outcome = start(sandbox, tmp_path).invoke(an_invocation("raise"), timeout_seconds=20)
    assert outcome.is_error
    assert outcome.payload == b'{"errorType": "ValueError"}'
    assert sandbox.is_alive


@pytest.mark.parametrize(
    ("event", "seconds", "error"),
    [
        ("sleep", 0.3, b"Task timed out after 0.30 seconds"),
        ("die", 20, b"Runtime exited with error: exit status 7"),
        ("much", 20, b"Response payload size exceeded"),
    ],
)
def test_what_lambda_would_refuse_is_refused(
    sandbox: Sandbox, tmp_path: Path, event: str, seconds: float, error: bytes
) -> None:
    outcome = start(sandbox, tmp_path).invoke(an_invocation(event), timeout_seconds=seconds)
    assert outcome.is_error
    assert error in outcome.payload
    assert sandbox.is_alive == (event == "much")


def test_a_handler_that_cannot_be_loaded_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(InitialisationFailed, match="ImportModuleError"):
        start(sandbox, tmp_path, "broken")


def test_after_the_end_there_is_no_start(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.kill()
    with pytest.raises(InitialisationFailed, match="stopped before it started"):
        start(sandbox, tmp_path)
