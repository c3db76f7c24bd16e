"""From the values of a row to numbers."""

import math

from evertrain.scoring.steps import Entry, Kind, Slots, Step, numbers_out


def number(entry: Entry) -> Step:
    """Each value as a float; None is NaN."""
    inputs = entry.inputs(Kind.RAW)

    def run(slots: Slots) -> None:
        slots.extend([math.nan if (value := slots[i]) is None else float(value) for i in inputs])

    return numbers_out(entry, inputs, len(inputs), run)


def code(entry: Entry) -> Step:
    """A level's number. `values`: one for each of `levels`; `unknown`: any other's; `missing`: of what is missing."""
    inputs = (slot,) = entry.inputs(Kind.TEXT, Kind.RAW, Kind.NUMBER, count=1)
    levels = entry.levels("levels")
    values = entry.numbers("values", len(levels), missing=True)
    unknown, missing = entry.number("unknown", missing=True), entry.number("missing", missing=True)
    table: dict[object, float] = {**dict(zip(levels, values, strict=True)), None: missing}
    get = table.get

    def run(slots: Slots) -> None:
        slots.append(get(slots[slot], unknown))

    def run_on_number(slots: Slots) -> None:
        value = slots[slot]
        slots.append(missing if value != value else get(value, unknown))  # noqa: PLR0124  # NaN

    of_number = entry.kind_of(slot) is Kind.NUMBER
    return numbers_out(
        entry,
        inputs,
        1,
        run_on_number if of_number else run,
        levels=levels,
        values=values,
        unknown=unknown,
        missing=missing,
    )


def one_hot(entry: Entry) -> Step:
    """`width` numbers, 1 in the column of the value's level and 0 elsewhere; the column -1 is none of them.

    `columns`: one for each of `levels`; `unknown`: that of any other; `missing`: that of what is missing.
    """
    inputs = (slot,) = entry.inputs(Kind.TEXT, Kind.RAW, Kind.NUMBER, count=1)
    levels = entry.levels("levels")
    width = entry.integer("width", highest=len(levels) + 2)
    columns = entry.integers("columns", len(levels), lowest=-1, highest=width - 1)
    unknown = entry.integer("unknown", lowest=-1, highest=width - 1)
    missing = entry.integer("missing", lowest=-1, highest=width - 1)
    table: dict[object, int] = {**dict(zip(levels, columns, strict=True)), None: missing}
    get, zeros = table.get, [0.0] * width

    def run(slots: Slots) -> None:
        value = slots[slot]
        column = missing if value != value else get(value, unknown)  # noqa: PLR0124  # NaN
        start = len(slots)
        slots += zeros
        if column >= 0:
            slots[start + column] = 1.0

    return numbers_out(entry, inputs, width, run)


def fill_text(entry: Entry) -> Step:
    """Each text, or where it is missing its entry of `values`."""
    inputs = entry.inputs(Kind.TEXT)
    pairs = list(zip(inputs, entry.texts("values", len(inputs)), strict=True))

    def run(slots: Slots) -> None:
        slots.extend([value if (text := slots[i]) is None else text for i, value in pairs])

    return Step(
        operation=entry.operation,
        inputs=inputs,
        outputs=(Kind.TEXT,) * len(inputs),
        run=run,
        parameters={"values": [value for _, value in pairs]},
    )


def is_missing(entry: Entry) -> Step:
    """1 where a value is missing, else 0."""
    inputs = entry.inputs(Kind.TEXT, Kind.RAW, Kind.NUMBER)

    def run(slots: Slots) -> None:
        values = [slots[i] for i in inputs]
        slots.extend([1.0 if value is None or value != value else 0.0 for value in values])  # noqa: PLR0124  # NaN

    return numbers_out(entry, inputs, len(inputs), run)
