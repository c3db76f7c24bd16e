"""What the rollout counts on, for the endpoint in memory and for the one on Lambda at AWS_ENDPOINT_URL.

Predictions on a published version are a part of the end-to-end tests: they need an artifact and the serving code.
"""

import io
import os
import uuid
import zipfile
from collections.abc import Iterator

import boto3
import pytest

from evertrain.adapters.memory.artifacts import InMemoryArtifactStore
from evertrain.adapters.memory.endpoint import InMemoryEndpoint
from evertrain.adapters.release.endpoint import LambdaEndpoint
from evertrain.ports.endpoint import Endpoint, EndpointError, Live


def _on_lambda(*, snap_start: bool = False) -> Iterator[Endpoint]:
    """One function as the CDK app creates it: without a model, and the alias at `$LATEST`."""
    client = boto3.client("lambda")
    prefix = f"evertrain-contract-{uuid.uuid4().hex[:8]}-"
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", "def lambda_handler(event, context):\n    return {'statusCode': 503}\n")
    client.create_function(
        FunctionName=f"{prefix}trips",
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/contract",
        Handler="handler.lambda_handler",
        Code={"ZipFile": code.getvalue()},
        Environment={"Variables": {"MODEL_NAME": "trips"}},
        SnapStart={"ApplyOn": "PublishedVersions" if snap_start else "None"},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=f"{prefix}trips")
    client.create_alias(FunctionName=f"{prefix}trips", Name="live", FunctionVersion="$LATEST")
    yield LambdaEndpoint(client=client, function_prefix=prefix)
    client.delete_function(FunctionName=f"{prefix}trips")


_CLOUD = pytest.mark.cloud


@pytest.fixture(params=["memory", *(pytest.param(name, marks=_CLOUD) for name in ("lambda", "snapshots of lambda"))])
def endpoint(request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    if request.param == "memory":
        yield InMemoryEndpoint(artifacts=InMemoryArtifactStore(), models=["trips"])
    elif "AWS_ENDPOINT_URL" not in os.environ:
        pytest.skip("AWS_ENDPOINT_URL is not set")
    else:
        yield from _on_lambda(snap_start=request.param != "lambda")


def publish(endpoint: Endpoint, version: str) -> str:
    return endpoint.publish("trips", version=version, artifact_uri=f"s3://a/{version}", artifact_sha256=version * 8)


def test_before_the_first_promotion_nothing_answers(endpoint: Endpoint) -> None:
    assert endpoint.live("trips") == Live(function_version="$LATEST")
    with pytest.raises(EndpointError):
        endpoint.predict("trips", qualifier="live", rows=[{"wind": None}])


def test_each_model_version_has_one_function_version(endpoint: Endpoint) -> None:
    first, second = publish(endpoint, "v1"), publish(endpoint, "v2")
    assert first != second
    assert (publish(endpoint, "v1"), publish(endpoint, "v2")) == (first, second)


def test_publishing_leaves_the_alias_and_what_it_answers_alone(endpoint: Endpoint) -> None:
    publish(endpoint, "v1")
    assert endpoint.live("trips") == Live(function_version="$LATEST")
    with pytest.raises(EndpointError):
        endpoint.predict("trips", qualifier="live", rows=[{"wind": None}])


def test_the_alias_goes_forth_and_back(endpoint: Endpoint) -> None:
    first, second = publish(endpoint, "v1"), publish(endpoint, "v2")
    for number in (first, second, first, "$LATEST"):
        endpoint.point_alias("trips", Live(function_version=number))
        assert endpoint.live("trips") == Live(function_version=number)


def test_a_canary_answers_beside_the_other_until_the_alias_is_pointed_anew(endpoint: Endpoint) -> None:
    first, second = publish(endpoint, "v1"), publish(endpoint, "v2")
    for share in (0.05, 0.25):
        beside = Live(function_version=first, canary=second, share=share)
        endpoint.point_alias("trips", beside)
        assert endpoint.live("trips") == beside
    for number in (second, first):
        endpoint.point_alias("trips", Live(function_version=number))
        assert endpoint.live("trips") == Live(function_version=number)


def test_a_model_without_a_function_is_an_endpoint_error(endpoint: Endpoint) -> None:
    with pytest.raises(EndpointError):
        endpoint.live("boats")
    with pytest.raises(EndpointError):
        endpoint.point_alias("boats", Live(function_version="$LATEST"))
    with pytest.raises(EndpointError):
        endpoint.publish("boats", version="v1", artifact_uri="s3://a/1", artifact_sha256="1")
    with pytest.raises(EndpointError):
        endpoint.predict("boats", qualifier="live", rows=[])


def test_a_function_version_that_was_never_published_does_not_answer(endpoint: Endpoint) -> None:
    with pytest.raises(EndpointError):
        endpoint.predict("trips", qualifier="9", rows=[{"wind": None}])
