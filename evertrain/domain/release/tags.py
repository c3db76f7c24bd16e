"""Tags of a version: what people and programs note of it beside its lineage, which never changes. Pure."""

import re
from collections.abc import Collection, Mapping, Sequence

from evertrain.domain.errors import EvertrainError, shorten

MAX_TAGS = 50
MAX_VALUE_LENGTH = 256
"""Characters."""

RESERVED_PREFIX = "evertrain."
"""Of what Evertrain itself says of a version, where other registries show it."""

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}")


class InvalidTag(EvertrainError):
    """A tag that can't be kept: its key, its value, or their number."""

    exit_status = 2


def parse_tags(words: Sequence[str]) -> dict[str, str]:
    """Raises InvalidTag.

    >>> parse_tags(["reviewed_by=ada", "ticket=ML-17", "note=a = b"])
    {'reviewed_by': 'ada', 'ticket': 'ML-17', 'note': 'a = b'}
    """
    tags: dict[str, str] = {}
    for word in words:
        key, separator, value = word.partition("=")
        if not separator:
            raise InvalidTag(f"{shorten(word)}: a tag is key=value; --remove {shorten(word)} takes one away")
        if not _KEY.fullmatch(key):
            raise InvalidTag(
                f"{shorten(key) or word}: a key has 1 to 128 of A-Z a-z 0-9 _ . : / -, first a letter or digit"
            )
        if key.startswith(RESERVED_PREFIX):
            raise InvalidTag(f"{shorten(key)}: keys that begin with {RESERVED_PREFIX} are Evertrain's own")
        if not value or len(value) > MAX_VALUE_LENGTH or not value.isprintable():
            raise InvalidTag(f"{shorten(key)}: a value has 1 to {MAX_VALUE_LENGTH} printable characters, on one line")
        if tags.setdefault(key, value) != value:
            raise InvalidTag(f"{shorten(key)}: named twice, with different values")
    return tags


def changed_tags(tags: Mapping[str, str], *, put: Mapping[str, str], remove: Collection[str]) -> dict[str, str]:
    """By key, as they are after the change; to remove what is not there changes nothing. Raises InvalidTag.

    >>> changed_tags({"a": "1", "b": "2"}, put={"c": "3"}, remove=["a", "x"])
    {'b': '2', 'c': '3'}
    """
    if both := sorted(set(put) & set(remove)):
        raise InvalidTag(f"{shorten(both[0])}: set and removed at once")
    kept = {key: value for key, value in tags.items() if key not in remove}
    changed = dict(sorted((kept | dict(put)).items()))
    if len(changed) > MAX_TAGS:
        raise InvalidTag(
            f"a version has at most {MAX_TAGS} tags, and this would be {len(changed)}; --remove takes some away"
        )
    return changed
