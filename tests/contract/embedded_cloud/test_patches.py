"""Patches that show from outside in memory or time only: asked inside the cloud's own Python."""

import json
import os
import subprocess
import textwrap
from pathlib import Path
from typing import Any

from localcloud.launcher import REPOSITORY
from tests.contract.conftest import Client
from tests.contract.embedded_cloud.memory import resident_mb


def in_the_cloud(program: str, **environment: str) -> Any:
    """What a program prints as JSON, run by the embedded cloud's Python."""
    answer = subprocess.run(
        [REPOSITORY / ".venv-cloud/bin/python", "-c", textwrap.dedent(program)],
        cwd=REPOSITORY,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


def test_idle_environments_end_and_busy_ones_stay() -> None:
    left = in_the_cloud(
        """
        import json, time
        from types import SimpleNamespace
        from localcloud.patches import functions
        from ministack.core import lambda_runtime
        from ministack.services import lambda_svc

        functions.end_idle_environments()
        ended = []
        lambda_runtime.kill_workers = ended.extend
        long_ago = time.time() - 2 * functions.IDLE_SECONDS
        worker = lambda name, busy, used: SimpleNamespace(name=name, in_use=busy, last_used=used)
        lambda_runtime._workers.update({
            "first": [worker("idle", False, long_ago), worker("fresh", False, time.time())],
            "second": [worker("busy", True, long_ago)],
        })
        lambda_svc.reap_idle_workers()
        print(json.dumps([[w.name for w in ended], [w.name for ws in lambda_runtime._workers.values() for w in ws]]))
        """
    )
    assert left == [["idle"], ["fresh", "busy"]]


def test_the_launcher_s_limit_bounds_what_a_source_declares() -> None:
    program = """
        import json
        from localcloud.patches import functions
        from ministack.services import lambda_svc

        functions.limit_concurrency()
        declares = lambda number: {"ScalingConfig": {"MaximumConcurrency": number}}
        lambda_svc._reserved_concurrency = lambda function, config: None
        print(json.dumps([lambda_svc._sqs_esm_concurrency(declares(number), {}, {}) for number in (2, 10)]))
        """
    assert in_the_cloud(program, LOCALCLOUD_CONCURRENCY="1") == [1, 1]
    assert in_the_cloud(program, LOCALCLOUD_CONCURRENCY="4") == [2, 4]
    assert in_the_cloud(program, LOCALCLOUD_CONCURRENCY="0") == [2, 10]


def test_calls_that_wait_for_an_environment_get_one_in_their_order() -> None:
    order = in_the_cloud(
        """
        import json, threading, time
        from types import SimpleNamespace
        from localcloud.patches import functions
        from ministack.core import lambda_runtime
        from ministack.services import lambda_svc

        functions.os.cpu_count = lambda: 2
        functions.share_environments()
        lambda_runtime._worker_class_for = lambda config: lambda *parts: SimpleNamespace()
        config = {"FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f"}
        ask = lambda: lambda_svc.acquire_worker("f", config, b"")[0]
        order = []

        def call(number):
            worker = ask()
            order.append(number)
            time.sleep(0.002)
            lambda_svc.release_worker(worker)

        held = [ask(), ask()]
        calls = [threading.Thread(target=call, args=(number,)) for number in range(20)]
        for each in calls:
            each.start()
            time.sleep(0.01)
        lambda_svc.release_worker(held[0])
        for each in calls:
            each.join()
        print(json.dumps(order))
        """
    )
    assert order == list(range(20))


def test_what_a_call_logs_is_waited_for_a_moment_and_not_longer() -> None:
    found = in_the_cloud(
        """
        import json, queue, threading, time
        from types import SimpleNamespace
        from localcloud.patches import functions
        from ministack.core import lambda_runtime

        functions.wait_for_logs_without_polling()
        drain = lambda_runtime.Worker._drain_stderr_bounded
        lines = queue.Queue()
        threading.Timer(0.01, lambda: [lines.put("one"), lines.put("two")]).start()
        logged = drain(SimpleNamespace(_stderr_queue=lines))
        print(json.dumps([logged, drain(SimpleNamespace(_stderr_queue=lines))]))
        """
    )
    assert found == ["one\ntwo", ""]


def test_a_function_whose_code_is_on_disk_is_measured_saved_and_restored() -> None:
    found = in_the_cloud(
        """
        import io, json, os, tempfile, zipfile
        os.environ |= {"STATE_DIR": tempfile.mkdtemp(), "PERSIST_STATE": "1"}
        from localcloud.patches import function_code
        from ministack.services import lambda_svc

        function_code.keep_code_on_disk()
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("code.py", "a" * 1000)
        record = lambda runtime: {"config": {"Runtime": runtime}, "code_zip": buffer.getvalue(), "versions": {}}
        lambda_svc._functions["ours"] = record("python3.13")
        lambda_svc._functions["other"] = record("nodejs22.x")
        saved = lambda_svc.get_state()
        kinds = lambda: [type(lambda_svc._functions[name]["code_zip"]).__name__ for name in ("ours", "other")]
        size = lambda_svc._unzipped_size(lambda_svc._functions["ours"]["code_zip"])
        before = kinds()
        lambda_svc._functions.clear()
        lambda_svc._restore_state(saved)
        print(json.dumps([before, size, kinds()]))
        """
    )
    assert found == [["dict", "bytes"], 1000, ["dict", "bytes"]]


def test_state_that_is_written_at_once_is_read_as_before() -> None:
    found = in_the_cloud(
        """
        import json, os, tempfile
        os.environ |= {"STATE_DIR": tempfile.mkdtemp(), "PERSIST_STATE": "1"}
        from localcloud.patches import state
        from ministack.core import persistence, responses

        state.encode_at_once()
        scoped = responses.AccountRegionScopedDict()
        scoped["one"] = {"body": b"\\xff", "text": "\u00fc"}
        persistence.save_state("sqs", {"queues": scoped})
        persistence.save_state("sqs", {"queues": object()})  # can't be written: what was there stays
        loaded = persistence.load_state("sqs")["queues"]["one"]
        print(json.dumps([loaded["body"] == b"\\xff", loaded["text"]]))
        """
    )
    assert found == [True, "\u00fc"]


def test_a_condition_is_parsed_once_and_answers_as_before() -> None:
    answers = in_the_cloud(
        """
        import json
        from localcloud.patches import dynamodb as patch
        from ministack.services import dynamodb

        parsed = []
        tokenize = dynamodb._tokenize
        dynamodb._tokenize = lambda expression: parsed.append(expression) or tokenize(expression)
        patch.cache_parsed_conditions()
        matches = [
            dynamodb._evaluate_condition("size_ > :least", {"size_": {"N": str(size)}}, {":least": {"N": "2"}}, {})
            for size in range(5)
        ]
        try:
            dynamodb._evaluate_condition("size_ >", {}, {}, {})
        except ValueError as error:
            refused = str(error)
        print(json.dumps([matches, parsed, refused]))
        """
    )
    assert answers[0] == [False, False, False, True, True]
    assert answers[1] == ["size_ > :least", "size_ >"]
    assert answers[2].startswith("Invalid ConditionExpression: Syntax error")


def test_versions_of_an_object_are_kept_on_disk_not_in_memory(client: Client, server_status: Path) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="versions")
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    before = resident_mb(server_status)
    bodies = [bytes([number]) * 40_000_000 for number in range(4)]
    ids = [s3.put_object(Bucket="versions", Key="large", Body=body)["VersionId"] for body in bodies]
    assert resident_mb(server_status) - before < 100  # of 160
    for version, body in zip(ids, bodies, strict=True):
        assert s3.get_object(Bucket="versions", Key="large", VersionId=version)["Body"].read() == body
    assert s3.get_object(Bucket="versions", Key="large")["Body"].read() == bodies[-1]
