"""What may be a tag, and what is said of what may not."""

import pytest

from evertrain.domain.release.tags import InvalidTag, changed_tags, parse_tags


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["reviewed"], "reviewed: a tag is key=value; --remove reviewed takes one away"),
        (["=ada"], "=ada: a key has 1 to 128 of"),
        (["a b=c"], "a b: a key has 1 to 128 of"),
        ([f"{'k' * 129}=v"], "a key has 1 to 128 of"),
        (["evertrain.status=good"], "keys that begin with evertrain. are Evertrain's own"),
        (["note="], "note: a value has 1 to 256 printable characters"),
        (["note=two\nlines"], "note: a value has 1 to 256 printable characters"),
        ([f"note={'v' * 257}"], "note: a value has 1 to 256 printable characters"),
        (["a=1", "a=2"], "a: named twice, with different values"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_a_sentence(words: list[str], told: str) -> None:
    with pytest.raises(InvalidTag, match=told) as refused:
        parse_tags(words)
    assert len(str(refused.value)) < 200


def test_what_is_just_allowed_is_kept() -> None:
    key, value = "k" * 128, "ü" * 256
    assert parse_tags([f"{key}={value}"]) == {key: value}


def test_a_tag_is_not_set_and_removed_at_once() -> None:
    with pytest.raises(InvalidTag, match="ticket: set and removed at once"):
        changed_tags({}, put={"ticket": "1"}, remove=["ticket"])
