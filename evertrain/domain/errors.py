"""The root of Evertrain's own errors, and how they quote. Each error is defined beside the code that raises it."""

from collections.abc import Iterable


class EvertrainError(Exception):
    """Root of every error that Evertrain raises on purpose; its text is one sentence for a person.

    `exit_status`: of a command that ends by it; 2 where what it was given can't be used. `quotes_rows`: whether it
    passes on what a library or a user's code says, which may hold a value of a row.
    """

    exit_status = 1
    quotes_rows = False


def shorten(text: str, *, limit: int = 40) -> str:
    """What a caller sent, cut: an answer stays small whatever was asked.

    >>> shorten("speed"), shorten("speed", limit=3)
    ('speed', 'spe…')
    """
    return text if len(text) <= limit else f"{text[:limit]}…"


def list_names(names: Iterable[str], *, limit: int = 20) -> str:
    """Names in order, of which an answer tells the first few.

    >>> list_names({"wind", "carrier"}), list_names("cab", limit=2)
    ('carrier, wind', 'a, b and 1 more')
    """
    ordered = [shorten(name, limit=80) for name in sorted(names)]
    more = f" and {len(ordered) - limit} more" if len(ordered) > limit else ""
    return ", ".join(ordered[:limit]) + more
