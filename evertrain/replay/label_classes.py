"""Which classes a label has, from its values: words, or a few whole numbers without a gap."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evertrain.domain.project.prediction import MAX_CLASSES
from evertrain.replay.history import InvalidHistory
from evertrain.replay.raw_rows import RawRows

MAX_NUMBERED_CLASSES = 20
"""More different whole numbers count something."""

MIN_SHARE_OF_A_NUMBER = 0.005
"""Of the rows: what counts something has large numbers that are rarer."""


def label_classes(
    raw: RawRows, name: str, *, positive: str | None = None, may_be_numbers: bool = True
) -> tuple[str, ...]:
    """How the classes are named that a label has: of two words, the one last whose probability is to be predicted:
    `positive`, or what looks like it; of more, in their order, and numbers too unless `may_be_numbers` is false.
    Empty where the label is 0 and 1, or a number. Raises InvalidHistory."""
    values = raw.table[name]
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return _numbered(values) if may_be_numbers else ()
    counted = pc.value_counts(values.drop_null()).to_pylist()
    counts = {each["values"]: each["counts"] for each in counted if each["values"].strip()}
    if len(counts) < 2:
        found = f"holds one text alone, {next(iter(counts))}" if counts else "holds no text"
        raise InvalidHistory(f"{raw.name}: {name} {found}: nothing can be told apart; name another --label")
    if len(counts) > MAX_CLASSES:
        raise InvalidHistory(
            f"{raw.name}: {name} is text of {len(counts):,} classes, and a model tells 2 to {MAX_CLASSES} apart: "
            "write one word for those that are alike"
        )
    if positive is not None and positive not in counts:
        raise InvalidHistory(f"positive {positive}: {name} of {raw.name} is {' or '.join(sorted(counts))}")
    if len(counts) > 2:
        if positive is not None:
            raise InvalidHistory(
                f"positive {positive}: {name} of {raw.name} has {len(counts)} classes, and the probability of each "
                "is predicted; leave it out"
            )
        return tuple(sorted(counts))
    chosen = positive or min(counts, key=lambda level: (_looks_negative(level), counts[level], level))
    (other,) = counts.keys() - {chosen}
    return (other, chosen)


def _numbered(values: pa.ChunkedArray) -> tuple[str, ...]:
    """From 0 or 1 on, without a gap, and none of them rare: three at least, or a label is 0 and 1."""
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return ()
    numbers = np.asarray(pc.cast(values, pa.float64()).drop_null().to_numpy(), dtype=np.float64)
    found, counts = np.unique(numbers[np.isfinite(numbers)], return_counts=True)
    if not 3 <= len(found) <= MAX_NUMBERED_CLASSES or found[0] not in (0, 1):
        return ()
    if not np.array_equal(found, found[0] + np.arange(len(found))) or counts.min() < MIN_SHARE_OF_A_NUMBER * len(
        numbers
    ):
        return ()
    return tuple(f"{number:g}" for number in found)


def _looks_negative(level: str) -> int:
    """-1 for what is said where something is so, 1 for what is said where it is not."""
    word = level.strip().casefold()
    return (word in _NEGATIVE) - (word in _POSITIVE)


_POSITIVE = frozenset(
    {
        "1",
        "yes",
        "y",
        "true",
        "t",
        "positive",
        "bad",
        "fraud",
        "churned",
        "late",
        "failed",
        "default",
        "defaulted",
        "cancelled",
        "lost",
        "spam",
    }
)
_NEGATIVE = frozenset({"0", "no", "n", "false", "f", "negative", "good", "ok", "none", "normal", "on time", "-1"})
