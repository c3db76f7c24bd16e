"""What goes wrong is logged with its place, and without what a row holds."""

import io
import logging
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from evertrain.adapters.aws.logs import TraceFilter, configure_logging, describe_error, format_trace
from evertrain.domain.errors import EvertrainError

ROW = {"name": "Alice Example"}


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    logger, stream = logging.getLogger("test_logs"), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(TraceFilter())
    logger.addHandler(handler)
    yield logger, stream
    logger.removeHandler(handler)


def fit() -> None:
    try:
        float(ROW["name"])
    except ValueError as error:
        raise EvertrainError("the estimator could not be fitted") from error


def test_a_trace_names_files_and_errors_but_no_value(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    try:
        fit()
    except EvertrainError:
        logger.exception("fit_failed candidate=%s", "28d")
    logged = stream.getvalue()
    assert logged.startswith("fit_failed candidate=28d\n")
    assert "Alice" not in logged
    assert logged.index("ValueError: could not convert string to float: '…'") < logged.index("which led to:")
    assert "in fit" in logged
    assert logged.rstrip().endswith("EvertrainError: the estimator could not be fitted")


@pytest.mark.parametrize(
    ("message", "described"),
    [
        ("Found unknown categories ['Alice', 'Bob'] in column 0", "Found unknown categories ['…', '…'] in column 0"),
        ('invalid literal: "Alice"', 'invalid literal: "…"'),
        ("it can't be; it isn't", "it can't be; it isn't"),
        ("columns are missing: {'wind'}", "columns are missing: {'wind'}"),
        ("", ""),
    ],
)
def test_what_a_library_quotes_is_left_out(message: str, described: str) -> None:
    told = describe_error(ValueError(message), known_names=["wind"])
    assert told == f"ValueError: {described}".removesuffix(": ")


def test_what_aws_refuses_is_told_whole() -> None:
    refused = {"Code": "AccessDenied", "Message": 'not authorized to perform s3:PutObject on "arn:aws:s3:::b/k"'}
    assert "arn:aws:s3:::b/k" in describe_error(ClientError({"Error": refused}, "PutObject"))  # type: ignore[arg-type]


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert format_trace(EvertrainError("so")) == "EvertrainError: so"


def test_a_handler_gets_the_filter_once() -> None:
    root, handler = logging.getLogger(), logging.StreamHandler(io.StringIO())
    root.addHandler(handler)
    try:
        configure_logging()
        configure_logging()
        assert [type(each) for each in handler.filters] == [TraceFilter]
    finally:
        root.removeHandler(handler)
