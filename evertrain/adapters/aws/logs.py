"""How functions and containers log, and how they describe an error, without ever writing down what a row holds."""

import logging
import re
import sys
import traceback
from collections.abc import Iterable

from evertrain.adapters.aws.clients import AWS_ERRORS
from evertrain.domain.errors import EvertrainError, shorten

_QUOTED = re.compile(r"""(?<!\w)(['"`])(.*?)\1(?!\w)""", re.DOTALL)
_QUOTES_NO_ROWS = (EvertrainError, *AWS_ERRORS, ImportError)


def describe_error(error: BaseException, *, known_names: Iterable[str] = (), limit: int = 300) -> str:
    """An error's type and message in one line.

    Messages of libraries may quote a row, such as the text that is no number. What stands in quotes there is left
    out, unless it is one of `known_names`.

    >>> describe_error(ValueError("could not convert string to float: 'Alice'"))
    "ValueError: could not convert string to float: '…'"
    >>> describe_error(KeyError("wind"), known_names=["wind"]), describe_error(ImportError("No module named 'it'"))
    ("KeyError: 'wind'", "ImportError: No module named 'it'")
    """
    message = " ".join(str(error).split())
    if getattr(error, "quotes_rows", not isinstance(error, _QUOTES_NO_ROWS)):
        names = set(known_names)
        message = _QUOTED.sub(lambda found: found[0] if found[2] in names else f"{found[1]}…{found[1]}", message)
    return shorten(f"{type(error).__name__}: {message}" if message else type(error).__name__, limit=limit)


def format_trace(error: BaseException) -> str:
    """The error with where it was raised, and so the ones that it comes from, the first of them first."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    earlier = [] if cause is None else [format_trace(cause), "which led to:"]
    frames = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    return "\n".join([*earlier, *([frames] if frames else []), describe_error(error)])


class TraceFilter(logging.Filter):
    """Gives each record with an error its trace, before a formatter writes the error's whole message."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = format_trace(record.exc_info[1])
        return True


def configure_logging() -> None:
    """Once for each process: from INFO on, in the handlers that the runtime has put there, or on stdout."""
    root = logging.getLogger()
    if not root.handlers:
        logging.basicConfig(format="%(message)s", stream=sys.stdout)
    root.setLevel(logging.INFO)
    for handler in root.handlers:
        if not any(isinstance(each, TraceFilter) for each in handler.filters):
            handler.addFilter(TraceFilter())
