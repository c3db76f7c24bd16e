"""Other settings of a declared policy: which are worth trying, and how one is written into `model.toml`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import tomlkit
from tomlkit.items import Item, Table

from evertrain.domain.project.duration import format_duration
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.policies import MovingWindow

Value = int | float | str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """`values`: by key of `model.toml`, such as `triggers.every`, what would stand there. None: as declared."""

    values: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        """
        >>> str(Setting((("triggers.every", "14d"),))), str(Setting())
        ('triggers.every = "14d"', 'as declared')
        """
        return ", ".join(f"{key} = {_item(value).as_string()}" for key, value in self.values) or "as declared"

    def __add__(self, other: "Setting") -> "Setting":
        """Both; of a key that both have, the other's value."""
        return Setting(tuple((dict(self.values) | dict(other.values)).items()))

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(key for key, _ in self.values)

    def written_into(self, text: str) -> str:
        """The text of a `model.toml` with these values, and all else, comments too, as it was.

        >>> print(Setting((("a.b", 2),)).written_into("[a] # which\\nb = 1 # why\\n"), end="")
        [a] # which
        b = 2 # why
        """
        document = tomlkit.parse(text)
        for key, value in self.values:
            *tables, name = key.split(".")
            place: Any = document
            for table in tables:
                if table not in place:
                    place[table] = tomlkit.table()
                place = place[table]
            _set(place, name, value)
        return tomlkit.dumps(document)


def _item(value: Value) -> Item:
    return tomlkit.item(list(value) if isinstance(value, tuple) else value)


def _set(place: Table, name: str, value: Value) -> None:
    item = _item(value)
    if name in place:
        item.trivia.comment_ws, item.trivia.comment = place[name].trivia.comment_ws, place[name].trivia.comment
    place[name] = item


def other_settings(spec: ModelSpec, *, batch: timedelta) -> Iterator[Setting]:
    """What is worth trying, the most telling first; none is what is declared already. `batch`: how long one is."""
    triggers, training = spec.triggers, spec.training
    windows = [format_duration(each) for each in training.windows]
    moving = [each.value for each in training.moving_windows]
    yield _one("triggers.every", _length(triggers.every / 2, batch))
    for window in (MovingWindow.SINCE_CHANGE, MovingWindow.EXPANDING):
        if window not in training.moving_windows:
            yield _one("training.windows", (*windows, *moving, window.value))
    yield _one("triggers.every", _length(2 * triggers.every, batch))
    yield _one("triggers.rows_grown_by", 1.5 if triggers.rows_grown_by != 1.5 else 2.0)
    yield _one("triggers.cooldown", _length(triggers.cooldown / 2, batch))
    yield Setting(
        (
            ("training.validation", _length(training.validation / 2, batch)),
            ("training.gate", _length(training.gate / 2, batch)),
        )
    )
    longest = format_duration(max(training.windows, default=32 * batch))
    yield _one("training.windows", (_length(2 * max(training.windows, default=32 * batch), batch), *windows, *moving))
    yield _one("training.windows", (longest, *moving))
    agreeing = (2, 3) if (triggers.drift.drifted_batches, triggers.drift.of_last) != (2, 3) else (3, 5)
    yield Setting(tuple(zip(("triggers.drift.drifted_batches", "triggers.drift.of_last"), agreeing, strict=True)))
    yield _one("triggers.cooldown", _length(2 * triggers.cooldown, batch))
    yield _one("triggers.rows_grown_by", float("inf"))
    yield Setting(
        (
            ("training.validation", _length(2 * training.validation, batch)),
            ("training.gate", _length(2 * training.gate, batch)),
        )
    )
    yield _one("triggers.every", _length(triggers.every / 4, batch))


def _one(key: str, value: Value) -> Setting:
    return Setting(((key, value),))


def _length(wanted: timedelta, batch: timedelta) -> str:
    """In whole batches, at least one."""
    return format_duration(max(1, round(wanted / batch)) * batch)
