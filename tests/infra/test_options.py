"""Context keys and environment variables: their defaults, and what is refused."""

from dataclasses import fields
from pathlib import Path

import pytest

from evertrain.toolchain.workspace import Workspace
from infra.app import default_context
from infra.options import InvalidOption, Options


def read(environment: dict[str, str] | None = None, **context: str) -> Options:
    return Options.read(context.get, environment or {})


def test_by_default_data_stays_callers_sign_and_bundles_are_for_aws() -> None:
    options = read()
    assert (options.prefix, options.clock, options.tick) == ("evertrain-dev", "system", "rate(1 day)")
    assert (options.endpoint_auth, options.removal, options.bundles) == ("iam", "retain", "aws")


def test_bundles_are_for_this_interpreter_where_an_endpoint_is_named() -> None:
    assert read({"AWS_ENDPOINT_URL": "http://localhost:4566"}).bundles == "local"
    assert read({"AWS_ENDPOINT_URL": "http://localhost:4566"}, bundles="aws").bundles == "aws"


def test_the_context_names_the_stage_before_the_environment() -> None:
    assert read({"EVERTRAIN_STAGE": "prod"}).stage == "prod"
    assert read({"EVERTRAIN_STAGE": "prod"}, stage="test").stage == "test"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stage", "Dev"),
        ("stage", "a-b"),
        ("stage", "averylongstage"),
        ("clock", "fast"),
        ("tick", "1 day"),
        ("endpoint_auth", "open"),
        ("notify", "me"),
        ("notify", "http://example.com"),
        ("removal", "yes"),
        ("cli_credentials", "true"),
        ("snap_start", "true"),
        ("large_object_bytes", "1 GiB"),
        ("large_object_bytes", "0"),
        ("batching_window", "301"),
        ("batching_window", "1m"),
        ("deletion_protection", "yes"),
        ("encryption", "own"),
        ("training_base", "python 3.13"),
        ("mlflow", "mlflow.example.com"),
        ("mlflow", "http://mlflow.example.com"),
        ("mlflow", "http://localhost.example.com"),
        ("mlflow", "https://user:password@mlflow.example.com"),
        ("mlflow_secret", "mlflow-password"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_by_its_key(key: str, value: str) -> None:
    with pytest.raises(InvalidOption, match=f"^{key}: .*not '{value}'"):
        read(**{key: value})


def test_several_are_told_and_the_environment_may_name_them() -> None:
    assert read(notify="a@example.com,https://example.com/hook").notify == (
        "a@example.com",
        "https://example.com/hook",
    )
    assert read({"EVERTRAIN_NOTIFY": "a@example.com b@example.com"}).notify == ("a@example.com", "b@example.com")
    assert read().notify == ()


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("snapstart", "did you mean snap_start[?]"),
        ("snap-start", "did you mean snap_start[?]"),
        ("Removal", "did you mean removal[?]"),
        ("deletion_protected", "did you mean deletion_protection[?]"),
        ("colour", "there are bake, batching_window, bundles, "),
    ],
)
def test_a_key_that_means_nothing_is_refused_with_the_one_that_is_near(key: str, told: str) -> None:
    with pytest.raises(InvalidOption, match=f"^{key}: the context has a key that means nothing; {told}"):
        Options.require_known(["stage", key])


def test_keys_of_the_cdk_and_all_of_our_own_pass() -> None:
    ours = [field.name for field in fields(Options)]
    defaults = default_context(Workspace.of(Path(__file__).parents[2]))
    found = "availability-zones:account=123456789012:region=eu-central-1"
    Options.require_known([*ours, *defaults, "aws:cdk:enable-path-metadata", "acknowledged-issue-numbers", found])
