"""What a file of rows says of the model that is to be made of it, and what it leaves open."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from evertrain.adapters.files.places import place_name
from evertrain.adapters.landing.checks import find_repeated
from evertrain.adapters.monitoring.column_kinds import look_like_identifiers
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.file_format import FileFormat
from evertrain.domain.project.prediction import MAX_CLASSES
from evertrain.replay.defaults import Columns, count_missing, infer_model, with_default_policies
from evertrain.replay.history import History, InvalidHistory, Rhythm, read_history, require_columns
from evertrain.replay.label_classes import label_classes
from evertrain.replay.raw_rows import RawRows

LIKELY_LABELS = ("label", "target", "y", "outcome", "class", "response")

MAX_CODES = 20
"""A number with fewer different values than this, all whole, may be a code."""

MANY = 100
"""Rows for one value of what names rows, at most, if something else could not be meant."""

MIN_ROWS_FOR_BOUNDS = 1_000
"""Of fewer rows it says little that none was below zero."""

Ask = Callable[[str, str, Sequence[str], str | None], str]
"""An option, what it is for, what could be answered, and a suggestion, if there is one; answers what was chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedColumn:
    """`seen`: what its values are like, for whoever reads the file."""

    column: Column
    seen: str


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """`history`: the rows as they would have landed, and the model with its policies. `left_out`: columns that are no
    features, and why. `rows_per_batch`: of the batches that have any. `file_format`: what of the files' format is not
    to be taken for granted."""

    rows: str
    history: History
    columns: tuple[ProposedColumn, ...]
    left_out: Mapping[str, str]
    rows_per_batch: int
    file_format: FileFormat

    @property
    def declared_format(self) -> dict[str, str]:
        """By key, as the group's file has it."""
        return {key: value for key, value in asdict(self.file_format).items() if value is not None}

    @property
    def rows_name(self) -> str:
        return place_name(self.rows)


def propose(
    raw: RawRows,
    rows: str,
    *,
    name: str,
    columns: Mapping[str, str | None],
    positive: str | None,
    latency: timedelta,
    batch: timedelta | None,
    file_format: FileFormat,
    ask: Ask,
) -> Proposal:
    """`columns`: by option, what was named already. `positive`: of a label of text, the class that is predicted.

    Raises InvalidHistory.
    """
    require_columns(raw, list(columns.values()))
    event_time = columns["--event-time"] or _event_time(raw, ask)
    key = columns["--key"] or _key(raw, {event_time, columns["--label"]}, event_time, ask)
    label = columns["--label"] or _label(raw, {event_time, key}, ask)
    classes = label_classes(raw, label, positive=positive)
    if len(classes) == 2 and positive is None:
        positive = ask("--positive", f"the class of {label} whose probability is predicted", classes, classes[-1])
    chosen = Columns(label=label, positive=positive, event_time=event_time, key=key)
    inferred = infer_model(raw, chosen, name=name, latency=latency, metric=None)
    history = with_default_policies(read_history(inferred.rows, inferred.spec, Rhythm(batch=batch)))
    proposed = tuple(_proposed(each, raw.table[each.name]) for each in history.spec.features)
    group = replace(history.spec.group, columns=tuple(each.column for each in proposed))
    filled = [step for step in history.steps if not step.is_empty]
    return Proposal(
        rows=rows,
        history=replace(history, spec=replace(history.spec, title=f"{label} of {name}", group=group)),
        columns=proposed,
        left_out=inferred.left_out,
        rows_per_batch=round(raw.table.num_rows / len(filled)),
        file_format=file_format,
    )


# --- what only a person knows for sure ---------------------------------------------------------------


def _event_time(raw: RawRows, ask: Ask) -> str:
    times = [name for name in raw.names if pa.types.is_timestamp(raw.table[name].type)]
    if not times:
        raise InvalidHistory(
            f"{raw.name} has no column of times; one has to say when each row happened, written as 2026-01-31 or "
            "2026-01-31T10:15:00Z"
        )
    return times[0] if len(times) == 1 else ask("--event-time", "the time at which a row happened", times, times[0])


def _key(raw: RawRows, others: set[str | None], event_time: str, ask: Ask) -> str:
    """A column that names a row, by itself or with its time: one with many different values, if there is one."""
    keys = [name for name in raw.names if name not in others and _may_name_rows(raw, name, event_time)]
    many = [name for name in keys if _are_many(raw.table[name])]
    if not keys:
        raise InvalidHistory(
            f"no column of {raw.name} names a row: labels and corrections that come later need to say which one they "
            "are of. Add a column with a value of its own in each row, such as an order number"
        )
    named = [name for name in many or keys if _ends_with(name, ("id", "key", "number", "nr", "no"))]
    # With few values it may as well be a feature, and no key of anything.
    suggestion = next(iter(named or many), None)
    return many[0] if len(many) == 1 else ask("--key", "the column that names a row", many or keys, suggestion)


def _may_name_rows(raw: RawRows, name: str, event_time: str) -> bool:
    values = raw.table[name]
    is_text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    if not (is_text or pa.types.is_integer(values.type)) or values.null_count:
        return False
    pairs = pa.table({"key": values, "time": raw.table[event_time]})
    return not find_repeated(pairs, pairs.column_names).num_rows


def _are_many(values: pa.ChunkedArray) -> bool:
    return bool(pc.count_distinct(values).as_py() >= len(values) / MANY)


def _label(raw: RawRows, others: set[str], ask: Ask) -> str:
    names = [name for name in raw.names if name not in others]
    numbers = [name for name in names if _is_number(raw.table[name].type)]
    flags = [name for name in names if _is_flag(raw.table[name])]
    texts = [name for name in names if _is_text_of_classes(raw.table[name])]
    possible = [name for name in names if name in {*numbers, *flags, *texts}]
    if not possible:
        raise InvalidHistory(
            f"{raw.name} has nothing to predict: no number, and no text of 2 to {MAX_CLASSES} classes"
        )
    likely = [name for name in possible if name.casefold() in LIKELY_LABELS]
    told_by_number = [name for name in flags if name in numbers]
    # A text of several classes is more often a feature, unless it is where labels usually are: at the end.
    usual = [name for name in possible if name not in texts or name == raw.names[-1]]
    suggested = (likely or told_by_number[-1:] or usual[-1:] or possible[-1:])[0]
    return ask("--label", "the column that is to be predicted", possible, suggested)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _is_flag(values: pa.ChunkedArray) -> bool:
    """Whether it has two values that may be classes."""
    if pa.types.is_boolean(values.type):
        return True
    found = set(pc.unique(values.drop_null()).to_pylist())
    is_text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    return len(found) == 2 and (is_text or found == {0, 1})


def _is_text_of_classes(values: pa.ChunkedArray) -> bool:
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return False
    levels = pc.count_distinct(values).as_py()
    return 2 < levels <= MAX_CLASSES and not look_like_identifiers(levels, len(values) - values.null_count)


def _ends_with(name: str, endings: Sequence[str]) -> bool:
    return name.casefold().replace("-", "_").rpartition("_")[2] in endings


# --- what the rows say ------------------------------------------------------------------------------


def _proposed(feature: Column, values: pa.ChunkedArray) -> ProposedColumn:
    missing = count_missing(values)
    described = "; ".join(_described(feature.kind, values, missing=missing))
    minimum = 0.0 if _is_never_negative(feature.kind, values) else None
    column = replace(feature, nullable=missing > 0, minimum=minimum)
    return ProposedColumn(column=column, seen=described)


def _described(kind: FeatureKind, values: pa.ChunkedArray, *, missing: int) -> Iterator[str]:
    there = values.drop_null()
    if kind is FeatureKind.NUMERIC and len(there):
        bounds = pc.min_max(there)
        yield f"{bounds['min'].as_py():g} to {bounds['max'].as_py():g} seen"
        different = pc.count_distinct(there).as_py()
        if pa.types.is_integer(values.type) and 2 < different <= MAX_CODES:
            yield f'{different} different values: kind = "categorical" if they are codes'
    elif kind is FeatureKind.CATEGORICAL:
        levels = pc.unique(there).to_pylist()
        yield f"{len(levels)} levels, such as {', '.join(map(_short, levels[:3]))}"
    if missing:
        yield f"{missing / len(values):.1%} missing"


def _short(level: str) -> str:
    return level if len(level) <= 20 else f"{level[:19]}…"


def _is_never_negative(kind: FeatureKind, values: pa.ChunkedArray) -> bool:
    if kind is not FeatureKind.NUMERIC or len(values) - values.null_count < MIN_ROWS_FOR_BOUNDS:
        return False
    return bool(pc.min(values).as_py() >= 0)
