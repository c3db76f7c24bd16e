"""A flat model as a row of steps over slots: each step reads some slots and adds new ones, the last ones answer.

The first slots are the row's features as they were sent. Whatever a step's entry in the header says is checked when
the artifact is read, so that nothing fails while a row is predicted.
"""

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any, TypeAlias

MAX_SLOTS = 100_000

Slots = list[Any]
Array: TypeAlias = "array[Any]"
Level = str | float


class Kind(StrEnum):
    """What a slot holds. `text`: text or None. `raw`: a number, true, false or None. `number`: a float, or NaN."""

    TEXT = "text"
    RAW = "raw"
    NUMBER = "number"


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False, kw_only=True)
class Step:
    """`run` adds a slot for each of `outputs` to a row's slots. `parameters`: what else reads the step as columns.
    `prepare`: makes what many rows are run faster by; it need not be called. A step is equal to itself only."""

    operation: str
    inputs: tuple[int, ...]
    outputs: tuple[Kind, ...]
    run: Callable[[Slots], None] = field(repr=False)
    parameters: Mapping[str, Any] = field(repr=False)
    prepare: Callable[[], None] = field(default=lambda: None, repr=False)


class Entry:
    """A step's entry in the header, read with checks. Everything raises ValueError, KeyError or TypeError."""

    def __init__(
        self, entry: Mapping[str, Any], kinds: Sequence[Kind], arrays: dict[int, Array], number: int
    ) -> None:
        self._entry, self._kinds, self._arrays = entry, kinds, arrays
        self.operation: str = entry["operation"]
        self._where = f"step {number} ({self.operation})"

    def inputs(self, *kinds: Kind, count: int | None = None) -> tuple[int, ...]:
        """The slots that it reads, all of these kinds."""
        slots = self._list("inputs")
        self.require(
            all(type(slot) is int and 0 <= slot < len(self._kinds) for slot in slots),
            "it reads a slot that is not there",
        )
        self.require(all(self._kinds[slot] in kinds for slot in slots), "it reads a slot of another kind")
        self.require(count is None or len(slots) == count, f"it reads {len(slots)} slots")
        return tuple(slots)

    def has(self, name: str) -> bool:
        return name in self._entry

    def kind_of(self, slot: int) -> Kind:
        return self._kinds[slot]

    def numbers(self, name: str, count: int | None = None, *, missing: bool = False) -> list[float]:
        """Finite ones: neither true, nor text, nor what overflows a float. `missing`: null is one too, as NaN."""
        values = self._list(name)
        self.require(count is None or len(values) == count, f"{name}: {len(values)} values")
        return [self._number(value, name, missing=missing) for value in values]

    def number(self, name: str, *, missing: bool = False) -> float:
        return self._number(self._entry[name], name, missing=missing)

    def integer(self, name: str, *, lowest: int = 0, highest: int) -> int:
        value = self._entry[name]
        self.require(type(value) is int and lowest <= value <= highest, f"{name}: out of bounds")
        return value  # type: ignore[no-any-return]

    def integers(self, name: str, count: int | None = None, *, lowest: int = 0, highest: int) -> list[int]:
        values = self._list(name)
        self.require(count is None or len(values) == count, f"{name}: {len(values)} values")
        self.require(
            all(type(value) is int and lowest <= value <= highest for value in values), f"{name}: out of bounds"
        )
        return values

    def levels(self, name: str) -> list[Level]:
        """Text or numbers, each once."""
        values = self._list(name)
        is_level = all(
            isinstance(value, str) or self._number(value, name, missing=False) == value for value in values
        )
        self.require(is_level and len(set(values)) == len(values), f"{name}: a level is there twice")
        return values

    def texts(self, name: str, count: int) -> list[str]:
        values = self._list(name)
        self.require(len(values) == count and all(isinstance(each, str) for each in values), f"{name}: no texts")
        return values

    def choice(self, name: str, allowed: Mapping[str, Any]) -> str:
        value = self._entry[name]
        self.require(isinstance(value, str) and value in allowed, f"{name}: {value!r:.40} is unknown")
        return value  # type: ignore[no-any-return]

    def slot_lists(self, name: str) -> list[list[int]]:
        """Lists of slots, all of them numbers."""
        slots = range(len(self._kinds))
        lists = self._lists(name)
        self.require(
            all(
                type(slot) is int and slot in slots and self._kinds[slot] is Kind.NUMBER
                for each in lists
                for slot in each
            ),
            f"{name}: a slot that is not there, or no number",
        )
        return lists

    def sorted_lists(self, name: str) -> list[list[float]]:
        """Lists of finite numbers in order."""
        lists = [[self._number(value, name, missing=False) for value in each] for each in self._lists(name)]
        self.require(all(a <= b for each in lists for a, b in pairwise(each)), f"{name}: not in order")
        return lists

    def array(self, name: str, typecode: str, count: int | None = None) -> Array:
        """A packed array, by its number in the artifact; finite numbers only. Each is some step's alone: were they
        shared, a small artifact could become a large model."""
        number = self._entry[name]
        self.require(type(number) is int and number in self._arrays, f"{name}: no such array, or another step's")
        values = self._arrays.pop(number)
        self.require(values.typecode == typecode, f"{name}: an array of another type")
        self.require(count is None or len(values) == count, f"{name}: {len(values)} values")
        self.require(typecode not in "df" or all(map(math.isfinite, values)), f"{name}: no finite number")
        return values

    def require(self, holds: bool, message: str) -> None:
        if not holds:
            raise ValueError(f"{self._where}: {message}")

    def _number(self, value: Any, name: str, *, missing: bool) -> float:
        if missing and value is None:
            return math.nan
        self.require(type(value) in (int, float) and math.isfinite(value), f"{name}: no finite number")
        return float(value)

    def _lists(self, name: str) -> list[list[Any]]:
        values = self._list(name)
        self.require(all(isinstance(each, list) for each in values), f"{name}: not lists only")
        return values

    def _list(self, name: str) -> list[Any]:
        values = self._entry[name]
        self.require(isinstance(values, list), f"{name} is no list")
        return values  # type: ignore[no-any-return]


Operation = Callable[[Entry], Step]


def numbers_out(
    entry: Entry, inputs: tuple[int, ...], count: int, run: Callable[[Slots], None], **parameters: Any
) -> Step:
    """A step whose outputs are numbers."""
    return Step(
        operation=entry.operation, inputs=inputs, outputs=(Kind.NUMBER,) * count, run=run, parameters=parameters
    )


def read_steps(
    entries: Sequence[Mapping[str, Any]],
    features: Sequence[Kind],
    arrays: Sequence[Array],
    operations: Mapping[str, Operation],
) -> tuple[tuple[Step, ...], tuple[Kind, ...]]:
    """The steps, and the kind of every slot after the last one. Raises ValueError, KeyError, TypeError."""
    steps: list[Step] = []
    kinds, unclaimed = list(features), dict(enumerate(arrays))
    for number, entry in enumerate(entries):
        step = operations[entry["operation"]](Entry(entry, kinds, unclaimed, number))
        steps.append(step)
        kinds += step.outputs
        if len(kinds) > MAX_SLOTS:
            raise ValueError(f"a row would take more than {MAX_SLOTS} slots")
    return tuple(steps), tuple(kinds)
