"""What the rollout asks of AWS Lambda, call by call; requests and answers are checked against the service's model.

Publishing on a real or an embedded Lambda is a part of the end-to-end tests.
"""

import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from evertrain.adapters.release import endpoint as endpoint_module
from evertrain.adapters.release.endpoint import LambdaEndpoint
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.ports.endpoint import EndpointError, Live, PredictionResponse, ScoredRows, ServedVersion
from evertrain.scoring import Feature

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

FUNCTION = "evertrain-dev-serving-trips"
PINNED_VARIABLES = {"MODEL_VERSION": "v2", "MODEL_URI": "s3://a/2", "MODEL_SHA256": "22"}


class Called:
    """An endpoint on a stubbed client, with the calls that are expected of it."""

    def __init__(self, client: "LambdaClient", stub: Stubber) -> None:
        self.endpoint = LambdaEndpoint(client=client, function_prefix="evertrain-dev-serving-", wait_seconds=0)
        self.stub = stub

    def versions(self, **environments: dict[str, str]) -> None:
        listed = [
            {"Version": number.lstrip("v"), "Environment": {"Variables": environment}}
            for number, environment in environments.items()
        ]
        versions = [{"Version": "$LATEST", "Environment": {"Variables": PINNED_VARIABLES}}, *listed]
        self.stub.add_response("list_versions_by_function", {"Versions": versions}, {"FunctionName": FUNCTION})

    def configuration(self, variables: dict[str, str], *, revision: str) -> None:
        self.stub.add_response(
            "get_function_configuration",
            {"Environment": {"Variables": {"MODEL_NAME": "trips", **variables}}, "RevisionId": revision},
            {"FunctionName": FUNCTION},
        )

    def update(self, variables: dict[str, str], *, revision: str) -> None:
        environment = {"Variables": {"MODEL_NAME": "trips", **variables}}
        expected = {"FunctionName": FUNCTION, "Environment": environment, "RevisionId": revision}
        self.stub.add_response("update_function_configuration", {}, expected)
        # The update is pending once, then done.
        for status in ("InProgress", "Successful"):
            self.stub.add_response("get_function", {"Configuration": {"LastUpdateStatus": status}})

    def publication(self, number: str, *, revision: str) -> None:
        expected = {"FunctionName": FUNCTION, "RevisionId": revision, "Description": "trips v2"}
        self.stub.add_response("publish_version", {"Version": number}, expected)

    def states(self, number: str, *states: str) -> None:
        """Of a published version, one look after the other."""
        for state in states:
            expected = {"FunctionName": FUNCTION, "Qualifier": number}
            self.stub.add_response("get_function_configuration", {"State": state}, expected)

    def asked(self, asked: dict[str, Any], answered: bytes) -> None:
        """Of function version 2."""
        self.stub.add_response(
            "invoke",
            {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(answered), len(answered))},
            {"FunctionName": FUNCTION, "Qualifier": "2", "Payload": json.dumps(asked).encode()},
        )

    def invocation(self, answered: bytes, *, qualifier: str = "live") -> None:
        expected = {"FunctionName": FUNCTION, "Qualifier": qualifier, "Payload": b'{"rows": [{"wind": null}]}'}
        self.stub.add_response("invoke", {"Payload": StreamingBody(io.BytesIO(answered), len(answered))}, expected)

    def refusal(self, method: str, code: str) -> None:
        self.stub.add_client_error(method, service_error_code=code, http_status_code=400)


@pytest.fixture
def called() -> Iterator[Called]:
    client = boto3.client(
        "lambda", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    with Stubber(client) as stub:
        yield Called(client, stub)
        stub.assert_no_pending_responses()


def publish(endpoint: LambdaEndpoint) -> str:
    return endpoint.publish("trips", version="v2", artifact_uri="s3://a/2", artifact_sha256="22")


def test_publishing_pins_the_artifact_and_leaves_latest_without_a_model(called: Called) -> None:
    called.versions(v1={"MODEL_VERSION": "v1"})
    called.configuration({}, revision="r1")
    called.update(PINNED_VARIABLES, revision="r1")
    called.configuration(PINNED_VARIABLES, revision="r2")
    called.publication("2", revision="r2")
    called.configuration(PINNED_VARIABLES, revision="r2")
    called.update({}, revision="r2")
    called.configuration({}, revision="r3")
    called.states("2", "Pending", "Pending", "Active")
    assert publish(called.endpoint) == "2"


def test_a_version_that_cannot_start_is_an_endpoint_error(called: Called) -> None:
    """As with SnapStart, where its model is loaded before it is published."""
    called.versions(v2=PINNED_VARIABLES)
    called.configuration({}, revision="r3")
    called.configuration({}, revision="r3")
    called.states("2", "Pending", "Failed")
    with pytest.raises(EndpointError, match="the update did not come to an end"):
        publish(called.endpoint)


def test_publishing_again_answers_the_version_that_is_there(called: Called) -> None:
    called.versions(v1={"MODEL_VERSION": "v1"}, v2=PINNED_VARIABLES)
    called.configuration({}, revision="r3")
    called.configuration({}, revision="r3")
    called.states("2", "Pending", "Active")
    assert publish(called.endpoint) == "2"


@pytest.mark.parametrize("listed", [("9", "10", "$LATEST"), ("10", "$LATEST", "9")])
def test_the_newest_one_of_a_version_is_found_in_whatever_order_they_are_listed(
    called: Called, listed: tuple[str, ...]
) -> None:
    """9 and 10 carry the same model, and 10 alone the code that is deployed."""
    versions = [
        {
            "Version": number,
            "CodeSha256": "old" if number == "9" else "new",
            "Environment": {"Variables": {} if number == "$LATEST" else PINNED_VARIABLES},
        }
        for number in listed
    ]
    called.stub.add_response("list_versions_by_function", {"Versions": versions}, {"FunctionName": FUNCTION})
    called.configuration({}, revision="r3")
    called.configuration({}, revision="r3")
    called.states("10", "Active")
    assert publish(called.endpoint) == "10"


@pytest.mark.parametrize(
    "changed",
    [
        {"CodeSha256": "new"},
        {"MemorySize": 2048},
        {"Handler": "serving.primed.lambda_handler"},
        {"SnapStart": {"ApplyOn": "PublishedVersions"}},
        {"LOG_SHARE": "0.1"},
    ],
)
def test_after_a_deployment_the_same_model_is_published_with_the_new_code(
    called: Called, changed: dict[str, Any]
) -> None:
    """Whatever the function runs by: code, memory, or a variable."""
    variables = {"LOG_SHARE": "1"} | {name: value for name, value in changed.items() if name == "LOG_SHARE"}
    before: dict[str, Any] = {"CodeSha256": "old", "MemorySize": 1024}
    latest = before | {name: value for name, value in changed.items() if name != "LOG_SHARE"}
    listed = [
        {"Version": "$LATEST", **latest, "Environment": {"Variables": variables}},
        {"Version": "2", **before, "Environment": {"Variables": {"LOG_SHARE": "1"} | PINNED_VARIABLES}},
    ]
    called.stub.add_response("list_versions_by_function", {"Versions": listed}, {"FunctionName": FUNCTION})
    called.configuration({}, revision="r1")
    called.update(PINNED_VARIABLES, revision="r1")
    called.configuration(PINNED_VARIABLES, revision="r2")
    called.publication("3", revision="r2")
    called.configuration(PINNED_VARIABLES, revision="r2")
    called.update({}, revision="r2")
    called.configuration({}, revision="r3")
    called.states("3", "Active")
    assert publish(called.endpoint) == "3"


def test_a_repeat_tidies_up_after_a_publication_that_died(called: Called) -> None:
    called.versions(v2=PINNED_VARIABLES)
    called.configuration(PINNED_VARIABLES, revision="r2")
    called.update({}, revision="r2")
    called.configuration({}, revision="r3")
    called.states("2", "Active")
    assert publish(called.endpoint) == "2"


def test_another_publication_meanwhile_is_an_endpoint_error(called: Called) -> None:
    called.versions()
    called.configuration({}, revision="r1")
    called.refusal("update_function_configuration", "PreconditionFailedException")
    with pytest.raises(EndpointError, match="another publication changed the function meanwhile"):
        publish(called.endpoint)


def test_another_publication_s_environment_is_never_published(called: Called) -> None:
    called.versions()
    called.configuration({}, revision="r1")
    called.update(PINNED_VARIABLES, revision="r1")
    called.configuration({**PINNED_VARIABLES, "MODEL_VERSION": "v3"}, revision="r9")
    with pytest.raises(EndpointError, match="another publication"):
        publish(called.endpoint)


@pytest.mark.parametrize(
    ("code", "expected_message"),
    [
        ("ResourceNotFoundException", "there is no such function, version or alias"),
        ("ResourceConflictException", "another update of the function is in progress"),
    ],
)
def test_known_refusals_are_endpoint_errors(called: Called, code: str, expected_message: str) -> None:
    called.refusal("update_alias", code)
    with pytest.raises(EndpointError, match=expected_message):
        called.endpoint.point_alias("trips", Live(function_version="2"))


def test_any_other_error_propagates(called: Called) -> None:
    called.refusal("get_alias", "AccessDeniedException")
    with pytest.raises(Exception, match="AccessDeniedException") as raised:
        called.endpoint.live("trips")
    assert not isinstance(raised.value, EndpointError)


def test_a_prediction_is_an_answer(called: Called) -> None:
    called.invocation(json.dumps({"model_version": "v2", "predictions": [0.25, 1]}).encode(), qualifier="2")
    answer = called.endpoint.predict("trips", qualifier="2", rows=[{"wind": None}])
    assert answer == PredictionResponse(model_version="v2", predictions=(0.25, 1.0))


def test_of_several_classes_each_one_s_probability_is_told_by_its_name(called: Called) -> None:
    named = {"late": 0.25, "lost": 0.75, "early": 0}
    called.invocation(json.dumps({"model_version": "v2", "predictions": [named]}).encode(), qualifier="2")
    answer = called.endpoint.predict("trips", qualifier="2", rows=[{"wind": None}])
    assert answer.predictions == (named,)
    assert [list(each) for each in answer.predictions if isinstance(each, dict)] == [list(named)]


@pytest.mark.parametrize(
    ("answered", "expected_message"),
    [
        (b'{"errorMessage": "Task timed out after 3.00 seconds"}', "failed: Task timed out after 3.00 seconds"),
        (b'{"statusCode": 503, "body": "no model yet"}', "answered other than a prediction: .*503"),
        (b'{"model_version": "v2", "predictions": ["0.5"]}', "answered other than a prediction"),
        (b'{"model_version": "v2", "predictions": [{"late": "0.5"}]}', "answered other than a prediction"),
        (b'{"model_version": "v2", "predictions": [{}]}', "answered other than a prediction"),
        (b"", "answered no JSON"),
    ],
)
def test_anything_else_is_an_endpoint_error(called: Called, answered: bytes, expected_message: str) -> None:
    called.invocation(answered)
    with pytest.raises(EndpointError, match=expected_message):
        called.endpoint.predict("trips", qualifier="live", rows=[{"wind": None}])


def test_aliases_are_read_and_moved(called: Called) -> None:
    aliased: dict[str, Any] = {"FunctionVersion": "$LATEST"}
    named = {"FunctionName": FUNCTION, "Name": "live"}
    called.stub.add_response("get_alias", aliased, named)
    called.stub.add_response(
        "update_alias", {}, {**named, "FunctionVersion": "2", "RoutingConfig": {"AdditionalVersionWeights": {}}}
    )
    assert called.endpoint.live("trips").function_version == "$LATEST"
    called.endpoint.point_alias("trips", Live(function_version="2"))


def test_a_version_says_which_features_it_wants(called: Called) -> None:
    feature = {"name": "wind", "kind": "numeric", "nullable": True, "example": 3.5}
    answer = {"model_version": "v2", "features": [feature], "classes": ["no", "yes"]}
    called.asked({"describe": True}, json.dumps(answer).encode())
    assert called.endpoint.describe("trips", qualifier="2") == ServedVersion(
        model_version="v2",
        features=(Feature(name="wind", kind=FeatureKind.NUMERIC, nullable=True, example=3.5),),
        classes=("no", "yes"),
    )


@pytest.mark.parametrize(
    ("answered", "expected_message"),
    [
        (b'{"errorMessage": "trips has no champion yet"}', "told no features: trips has no champion yet"),
        (b'{"model_version": "v2", "features": [{"name": "wind", "kind": "gusty"}]}', "told no features: another"),
        (b"[]", "told no features: another release of the function, perhaps"),
    ],
)
def test_what_is_no_description_is_an_endpoint_error(called: Called, answered: bytes, expected_message: str) -> None:
    called.asked({"describe": True}, answered)
    with pytest.raises(EndpointError, match=expected_message):
        called.endpoint.describe("trips", qualifier="2")


def test_rows_are_scored_each_by_itself(called: Called) -> None:
    answer = {"model_version": "v2", "predictions": [0.25, None], "errors": {"1": "wind: missing"}}
    called.asked({"each_by_itself": True, "rows": [{"wind": 1.0}, {}]}, json.dumps(answer).encode())
    assert called.endpoint.score("trips", qualifier="2", rows=[{"wind": 1.0}, {}]) == ScoredRows(
        model_version="v2", predictions=(0.25, None), errors={1: "wind: missing"}
    )


def test_rows_that_are_too_long_for_one_question_are_asked_in_halves(
    called: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_module, "_MAX_PAYLOAD_LENGTH", 75)
    rows = [{"carrier": name} for name in ("AA", "BB", "CC")]
    for some in (rows[:1], rows[1:]):
        answer = {"model_version": "v2", "predictions": [None] * len(some), "errors": {"0": some[0]["carrier"]}}
        called.asked({"each_by_itself": True, "rows": some}, json.dumps(answer).encode())
    scored = called.endpoint.score("trips", qualifier="2", rows=rows)
    assert scored.predictions == (None, None, None)
    assert scored.errors == {0: "AA", 1: "BB"}


def test_an_answer_for_other_than_each_row_is_an_endpoint_error(called: Called) -> None:
    called.asked({"each_by_itself": True, "rows": [{}]}, b'{"model_version": "v2", "predictions": [], "errors": {}}')
    with pytest.raises(EndpointError, match="other than a prediction for each row"):
        called.endpoint.score("trips", qualifier="2", rows=[{}])
