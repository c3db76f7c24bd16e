"""The endpoint's function with a model, its bucket and its queue."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import boto3
import pytest
from moto import mock_aws
from sklearn.ensemble import HistGradientBoostingClassifier

from evertrain.adapters.aws import clients
from evertrain.conversion import to_flat
from serving import handler, wiring
from tests.builders.models import a_model
from tests.builders.training_frames import late, training_frame

ROW = {"distance": 740.0, "wind": None, "carrier": "AA", "holiday": False}


@pytest.fixture(scope="module")
def artifact() -> bytes:
    frame = training_frame()
    estimator = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype", random_state=0)
    return to_flat(estimator.fit(frame, late(frame)), a_model())


@dataclass
class Endpoint:
    """The function behind the HTTP API."""

    def post(
        self,
        body: object,
        *,
        method: str = "POST",
        raw: str | bytes | None = None,
        path: str = "/models/trips/predict",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """The answer's JSON."""
        answer = self.ask(body, method=method, raw=raw, path=path, headers=headers, query=query)
        assert answer["headers"]["content-type"] == "application/json"
        return answer["statusCode"], json.loads(answer["body"])

    def ask(
        self,
        body: object,
        *,
        method: str = "POST",
        raw: str | bytes | None = None,
        path: str = "/models/trips/predict",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """As the HTTP API gets it from the function."""
        text = json.dumps(body) if raw is None else raw
        encoded = isinstance(text, bytes)
        event = {
            "requestContext": {"requestId": "r-1", "timeEpoch": 1_364_774_400_000, "http": {"method": method}},
            "rawPath": path,
            "body": base64.b64encode(text).decode() if isinstance(text, bytes) else text,
            "isBase64Encoded": encoded,
            **({"headers": dict(headers)} if headers is not None else {}),
            **({"queryStringParameters": dict(query)} if query is not None else {}),
        }
        answer: dict[str, Any] = handler.lambda_handler(event, None)
        return answer

    def refusal(self, body: object, **options: Any) -> tuple[int, str]:
        status, answer = self.post(body, **options)
        assert list(answer) == ["error"]
        assert "Traceback" not in answer["error"]
        return status, answer["error"]


@pytest.fixture
def endpoint(artifact: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "MODEL_NAME": "trips",
        "MODEL_VERSION": "v1",
        "MODEL_URI": "s3://artifacts/models/trips/1.json.gz",
        "MODEL_SHA256": sha256(artifact).hexdigest(),
        "ARTIFACT_BUCKET": "artifacts",
        "KNOWN_MODELS": "boats,trips",
        "LOG_SHARE": "1",
        "EXPLORE_SHARE": "0",
        "EVERTRAIN_STAGE": "dev",
    }.items():
        monkeypatch.setenv(name, value)
    forget()
    with mock_aws():
        monkeypatch.setenv("PREDICTIONS_QUEUE_URL", boto3.client("sqs").create_queue(QueueName="p")["QueueUrl"])
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="artifacts")
        s3.put_object(Bucket="artifacts", Key="models/trips/1.json.gz", Body=artifact)
        yield Endpoint()
    forget()


def forget() -> None:
    """What a new process would not know."""
    wiring.served_model.cache_clear()
    wiring.prediction_log.cache_clear()
    clients.client.cache_clear()
    clients.short_timeout_client.cache_clear()
