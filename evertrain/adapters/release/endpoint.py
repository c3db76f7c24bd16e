"""The prediction endpoint on AWS Lambda: one function for each model, published versions, and the alias `live`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, WaiterError

from evertrain.domain.deployment.steps import LIVE_ALIAS
from evertrain.domain.deployment.variables import PINNED_VARIABLES, Variable
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.prediction import Answer
from evertrain.domain.release.registry import UNPUBLISHED_VERSION
from evertrain.ports.endpoint import EndpointError, Live, PredictionResponse, ScoredRows, ServedVersion
from evertrain.scoring import Feature

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import FunctionConfigurationResponseTypeDef, FunctionConfigurationTypeDef

_MAX_PAYLOAD_LENGTH = 5_000_000
"""Characters, all of them ASCII. Lambda takes 6 MB."""

_REFUSALS = {
    "ResourceNotFoundException": "there is no such function, version or alias",
    "PreconditionFailedException": "another publication changed the function meanwhile",
    "ResourceConflictException": "another update of the function is in progress",
}


class LambdaEndpoint:
    """Implements `Endpoint` and `ScoringEndpoint` of `ports.endpoint`. `wait_seconds` is the pause between two looks
    at a pending update."""

    def __init__(self, *, client: "LambdaClient", function_prefix: str, wait_seconds: int = 1) -> None:
        self._client = client
        self._prefix = function_prefix
        self._waiter_config: Any = {"Delay": wait_seconds, "MaxAttempts": 120}

    def publish(self, model: str, *, version: str, artifact_uri: str, artifact_sha256: str) -> str:
        function = self._function(model)
        with _translate_errors(function):
            number = self._find_published(function, version)
            if number is None:
                pinned = dict(zip(map(str, PINNED_VARIABLES), (version, artifact_uri, artifact_sha256), strict=True))
                revision = self._configure(function, pinned)
                # The revision makes sure that what is published is what was configured one line above.
                number = self._client.publish_version(
                    FunctionName=function, RevisionId=revision, Description=f"{model} {version}"
                )["Version"]
            # Before the first promotion the alias points at $LATEST, which must not answer for a version in rollout.
            self._configure(function, {})
            # Also for a repeat: with SnapStart a version takes minutes, and who waited may have been cut off.
            self._client.get_waiter("published_version_active").wait(
                FunctionName=function, Qualifier=number, WaiterConfig=self._waiter_config
            )
        return number

    def live(self, model: str) -> Live:
        function = self._function(model)
        with _translate_errors(function):
            alias = self._client.get_alias(FunctionName=function, Name=LIVE_ALIAS)
        weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        for canary, share in weights.items():
            return Live(function_version=alias["FunctionVersion"], canary=canary, share=share)
        return Live(function_version=alias["FunctionVersion"])

    def point_alias(self, model: str, live: Live) -> None:
        function = self._function(model)
        with _translate_errors(function):
            self._client.update_alias(
                FunctionName=function,
                Name=LIVE_ALIAS,
                FunctionVersion=live.function_version,
                RoutingConfig={"AdditionalVersionWeights": {live.canary: live.share} if live.canary else {}},
            )

    def predict(
        self, model: str, *, qualifier: str, rows: Sequence[Mapping[str, object]], asked_at: datetime | None = None
    ) -> PredictionResponse:
        asked = {"rows": [dict(row) for row in rows]} | ({"asked_at": asked_at.isoformat()} if asked_at else {})
        return _answer(*self._ask(model, qualifier, json.dumps(asked)))

    def describe(self, model: str, *, qualifier: str) -> ServedVersion:
        target, answered = self._ask(model, qualifier, json.dumps({"describe": True}))
        try:
            features = tuple(
                Feature(
                    name=each["name"],
                    kind=FeatureKind(each["kind"]),
                    nullable=each["nullable"],
                    example=each["example"],
                )
                for each in answered["features"]
            )
            return ServedVersion(
                model_version=answered["model_version"],
                features=features,
                classes=tuple(answered.get("classes", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise EndpointError(f"{target} told no features: {_trouble(answered)}") from error

    def score(self, model: str, *, qualifier: str, rows: Sequence[Mapping[str, object]]) -> ScoredRows:
        asked = json.dumps({"each_by_itself": True, "rows": [dict(row) for row in rows]})
        if len(asked) > _MAX_PAYLOAD_LENGTH and len(rows) > 1:
            return self._score_in_halves(model, qualifier, rows)
        target, answered = self._ask(model, qualifier, asked)
        match answered:
            case {"model_version": str(version), "predictions": [*predictions], "errors": dict(errors)} if len(
                predictions
            ) == len(rows) and all(each is None or _is_answer(each) for each in predictions):
                return ScoredRows(
                    model_version=version,
                    predictions=tuple(None if each is None else _as_answer(each) for each in predictions),
                    errors={int(place): str(error) for place, error in errors.items()},
                )
        raise EndpointError(f"{target} answered other than a prediction for each row: {_trouble(answered)}")

    def _score_in_halves(self, model: str, qualifier: str, rows: Sequence[Mapping[str, object]]) -> ScoredRows:
        middle = len(rows) // 2
        first = self.score(model, qualifier=qualifier, rows=rows[:middle])
        second = self.score(model, qualifier=qualifier, rows=rows[middle:])
        later = {middle + place: error for place, error in second.errors.items()}
        return ScoredRows(
            model_version=first.model_version,
            predictions=first.predictions + second.predictions,
            errors={**first.errors, **later},
        )

    def _ask(self, model: str, qualifier: str, asked: str) -> tuple[str, Any]:
        """Who was asked, and the answer read from JSON. `asked`: JSON."""
        function = self._function(model)
        target = f"{function}:{qualifier}"
        with _translate_errors(target):
            response = self._client.invoke(FunctionName=function, Qualifier=qualifier, Payload=asked.encode())
            body = response["Payload"].read()
        try:
            return target, json.loads(body)
        except ValueError:
            raise EndpointError(f"{target} answered no JSON, {len(body):,} bytes of something else") from None

    def _function(self, model: str) -> str:
        return f"{self._prefix}{model}"

    def _find_published(self, function: str, version: str) -> str | None:
        """The newest one of this model version with the code and the variables that `$LATEST` has."""
        pages = self._client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
        listed = {each["Version"]: each for page in pages for each in page["Versions"]}
        latest = listed.pop(UNPUBLISHED_VERSION)
        numbers = [
            number for number, each in listed.items() if _variables(each).get(Variable.MODEL_VERSION) == version
        ]
        # By the number: in what order Lambda lists them it does not say.
        newest = max(numbers, key=int, default=None)
        return newest if newest and _runs(listed[newest]) == _runs(latest) else None

    def _configure(self, function: str, pinned: Mapping[str, str]) -> str:
        """Leaves every other variable as CloudFormation has set it; returns the revision after the change."""
        current = self._client.get_function_configuration(FunctionName=function)
        variables = _variables(current)
        wanted = {name: value for name, value in variables.items() if name not in PINNED_VARIABLES} | dict(pinned)
        if wanted != variables:
            self._client.update_function_configuration(
                FunctionName=function, Environment={"Variables": wanted}, RevisionId=current["RevisionId"]
            )
            self._client.get_waiter("function_updated_v2").wait(
                FunctionName=function, WaiterConfig=self._waiter_config
            )
        settled = self._client.get_function_configuration(FunctionName=function)
        if _variables(settled) != wanted:
            raise EndpointError(f"{function}: {_REFUSALS['PreconditionFailedException']}")
        return settled["RevisionId"]


def _runs(configuration: "FunctionConfigurationTypeDef") -> tuple[object, ...]:
    """What it runs, whichever model it is pinned to."""
    own = {name: value for name, value in _variables(configuration).items() if name not in PINNED_VARIABLES}
    start = configuration.get("SnapStart", {}).get("ApplyOn", "None")
    return configuration.get("CodeSha256"), configuration.get("Handler"), configuration.get("MemorySize"), start, own


def _variables(
    configuration: "FunctionConfigurationTypeDef | FunctionConfigurationResponseTypeDef",
) -> Mapping[str, str]:
    return configuration.get("Environment", {}).get("Variables", {})


@contextmanager
def _translate_errors(target: str) -> Iterator[None]:
    """Turns errors that a rollout can act on into EndpointError. Any other propagates."""
    try:
        yield
    except ClientError as error:
        refusal = _REFUSALS.get(error.response["Error"]["Code"])
        if refusal is None:
            raise
        raise EndpointError(f"{target}: {refusal}") from error
    except WaiterError as error:
        raise EndpointError(f"{target}: the update did not come to an end: {error}") from error


def _answer(target: str, answered: Any) -> PredictionResponse:
    match answered:
        case {"model_version": str(version), "predictions": [*predictions]} if all(map(_is_answer, predictions)):
            took = answered.get("milliseconds")
            return PredictionResponse(
                model_version=version,
                predictions=tuple(map(_as_answer, predictions)),
                milliseconds=float(took) if isinstance(took, int | float) else None,
            )
        case {"errorMessage": _}:
            raise EndpointError(f"{target} failed: {_trouble(answered)}")
        case {"statusCode": status}:
            raise EndpointError(f"{target} answered other than a prediction: status {status}")
    raise EndpointError(f"{target} answered other than a prediction")


def _trouble(answered: Any) -> str:
    """In words. `errorMessage` is how Lambda answers for a function that raised or timed out."""
    message = answered.get("errorMessage") if isinstance(answered, dict) else None
    return str(message)[:200] if message else "another release of the function, perhaps"


def _is_answer(value: object) -> bool:
    values = list(value.values()) if isinstance(value, dict) else [value]
    return bool(values) and all(isinstance(each, int | float) for each in values)


def _as_answer(value: Any) -> Answer:
    return {name: float(each) for name, each in value.items()} if isinstance(value, dict) else float(value)
