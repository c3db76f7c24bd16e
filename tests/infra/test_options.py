"""Context keys and environment variables: their defaults, and what is refused."""

import pytest

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
