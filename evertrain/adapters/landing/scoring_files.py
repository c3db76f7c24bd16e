"""Files of rows to be predicted, and their answers, in the forms in which feeds land.

A column that cannot be read as its feature's kind refuses the whole file: it is likelier that the file is written in
another way than was thought than that all of these rows are wrong. What the model finds wrong with a row is that
row's own error.
"""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO, TextIO, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evertrain.adapters.landing.checks import ColumnChecker
from evertrain.adapters.landing.files import NonClosingFile, RawParts, read_parts, reject_unreadable
from evertrain.adapters.landing.temporary_files import open_temporary_file
from evertrain.adapters.store.schema import PLAIN_TIMESTAMP
from evertrain.domain.landing.batches import Fault
from evertrain.domain.landing.feeds import FeedSchema
from evertrain.domain.landing.predictions import PREDICTED_CLASS, PREDICTION, PREDICTION_ID
from evertrain.domain.landing.scoring import ERROR, ScoringPlan
from evertrain.domain.project.feature_group import BatchSize, Column, FeatureKind
from evertrain.domain.project.file_format import FileForm
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.prediction import Answer, most_probable, probability_columns
from evertrain.ports.batch_reader import BatchRejected
from evertrain.ports.scoring import RowsToScore, Scored
from evertrain.scoring import Feature
from evertrain.tables.columns import TIMESTAMP, age_in_days

ROWS_PER_PART = 50_000
"""Some ten seconds of a function that asks another."""

_AS_OF = "as of"
"""In a part: the moment as of which a row is predicted. Its name is no feature's."""


@dataclass(frozen=True, kw_only=True)
class OpenScoringFile:
    """Implements `ports.scoring.ScoringFile`."""

    name: str
    raw: RawParts
    spec: ModelSpec
    features: Sequence[Feature]
    landed_at: datetime
    rows_per_part: int

    @property
    def form(self) -> FileForm:
        return self.raw.form

    @property
    def is_compressed(self) -> bool:
        return self.raw.is_compressed

    def parts(self) -> Iterator[tuple[int, bytes]]:
        with _rejected(self.name, self.spec):
            count = 0
            for table in _in_parts(self._checked(), self.rows_per_part):
                count += table.num_rows
                yield table.num_rows, _parquet(table)
            if not count:
                raise BatchRejected([Fault(code="no_rows", message=f"{self.name} has no rows")])

    def _checked(self) -> Iterator[pa.Table]:
        """Features in the types of their kinds, other columns as they are, and the moment of each row."""
        checker = ColumnChecker(
            schema=_schema(self.spec, self.features),
            now=self.landed_at,
            spelling=self.raw.spelling,
            is_text=self.raw.is_text,
        )
        has_times = any(feature.kind is FeatureKind.TIMESTAMP for feature in self.features)
        event_time = self.spec.group.event_time
        first_row = 0
        for table in self.raw.tables:
            self._require_names(table.column_names)
            faults: list[Fault] = []
            columns: dict[str, Any] = {}
            wanted = [Column(name=each.name, kind=each.kind, nullable=True) for each in self.features]
            if has_times and event_time in table.column_names:
                wanted.append(Column(name=event_time, kind=FeatureKind.TIMESTAMP, nullable=True))
            for column in wanted:
                checked = checker.check_one(table, column, first_row=first_row)
                faults += checked.faults
                columns |= checked.columns
            if faults:
                raise BatchRejected(faults)
            moment = pa.scalar(self.landed_at, TIMESTAMP)
            moments = columns.pop(event_time, None)
            as_of = pa.repeat(moment, table.num_rows) if moments is None else pc.fill_null(moments, moment)
            others = {name: table[name] for name in table.column_names if name not in _names(self.features)}
            yield pa.table(columns | others | {_AS_OF: as_of})
            first_row += table.num_rows

    def _require_names(self, names: Sequence[str]) -> None:
        others = set(names) - _names(self.features)
        faults = [
            Fault(
                code="name_taken",
                column=name,
                message=f"{name}: the answer has a column of this name; rename it in {self.name}",
            )
            for name in sorted(others & {*_answer_columns(self.spec), _AS_OF})
        ]
        faults += [
            Fault(
                code="duplicate_column", column=name, message=f"{name}: {self.name} has several columns of this name"
            )
            for name in sorted(each for each in others if names.count(each) > 1)
        ]
        if faults:
            raise BatchRejected(faults)


@dataclass(frozen=True, kw_only=True)
class ArrowScoringFiles:
    """Implements `ports.scoring.ScoringFiles`."""

    rows_per_part: int = ROWS_PER_PART

    @contextmanager
    def open(
        self, body: BinaryIO, *, name: str, spec: ModelSpec, features: Sequence[Feature], landed_at: datetime
    ) -> Iterator[OpenScoringFile]:
        with open_temporary_file() as decompressed, _rejected(name, spec):
            raw = read_parts(body, name, decompressed, spec.group.format)
            yield OpenScoringFile(
                name=name,
                raw=raw,
                spec=spec,
                features=features,
                landed_at=landed_at,
                rows_per_part=self.rows_per_part,
            )

    def rows(self, part: bytes, features: Sequence[Feature], *, at_once: int) -> Iterator[RowsToScore]:
        names = [feature.name for feature in features]
        table = pq.read_table(io.BytesIO(part), columns=[*names, _AS_OF])
        for first in range(0, table.num_rows, at_once):
            some = table.slice(first, at_once)
            ages = some.select(names)
            written = ages
            for feature in features:
                if feature.kind is FeatureKind.TIMESTAMP:
                    place = names.index(feature.name)
                    ages = ages.set_column(place, feature.name, age_in_days(some[feature.name], some[_AS_OF]))
                    written = written.set_column(place, feature.name, _iso(some[feature.name]))
            yield RowsToScore(first=first, as_asked=ages.to_pylist(), as_sent=written.to_pylist())

    def answer(self, part: bytes, features: Sequence[Feature], scored: Scored, *, row_ids: Sequence[str]) -> bytes:
        table = pq.read_table(io.BytesIO(part))
        table = table.drop_columns([*(feature.name for feature in features), _AS_OF])
        table = table.append_column(PREDICTION_ID, pa.array(row_ids, pa.string()))
        for name, values in _prediction_columns(scored.predictions).items():
            table = table.append_column(name, values)
        errors = [scored.errors.get(place) for place in range(len(row_ids))]
        return _parquet(table.append_column(ERROR, pa.array(errors, pa.string())))

    @contextmanager
    def join(self, plan: ScoringPlan, answers: Iterator[bytes]) -> Iterator[BinaryIO]:
        tables = (pq.read_table(io.BytesIO(answer)) for answer in answers)
        with open_temporary_file() as file:
            with _compressed(file) if plan.is_compressed else nullcontext(file) as body:
                _WRITERS[plan.form](body, tables)
            file.seek(0)
            yield file


# --- reading --------------------------------------------------------------------------------------


def _rejected(name: str, spec: ModelSpec) -> AbstractContextManager[None]:
    return reject_unreadable(name, declare=f" in [format] of features/{spec.group.name}.toml")


def _names(features: Sequence[Feature]) -> set[str]:
    return {feature.name for feature in features}


def _schema(spec: ModelSpec, features: Sequence[Feature]) -> FeedSchema:
    """Written as files of the model's own group are. No value is out of bounds: the endpoint knows none either."""
    return FeedSchema(
        key=spec.group.entity_key,
        event_time_column=spec.group.event_time,
        columns=tuple(Column(name=each.name, kind=each.kind, nullable=True) for each in features),
        batch=BatchSize(),
        is_binary=False,
        group=spec.group.name,
        utc_offset=spec.group.utc_offset,
        format=spec.group.format,
    )


def _in_parts(tables: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    """All but the last of exactly so many rows."""
    waiting: pa.Table | None = None
    for table in tables:
        waiting = table if waiting is None else pa.concat_tables([waiting, table])
        while waiting.num_rows > rows:
            yield waiting.slice(0, rows)
            waiting = waiting.slice(rows)
    if waiting is not None and waiting.num_rows:
        yield waiting


def _iso(times: Any) -> Any:
    """As text in UTC, not by a time zone's database, which Lambda lacks."""
    plain = pc.cast(times, PLAIN_TIMESTAMP).to_pylist()
    return pa.array([each and each.replace(tzinfo=UTC).isoformat() for each in plain], pa.string())


# --- answering ------------------------------------------------------------------------------------


def _answer_columns(spec: ModelSpec) -> tuple[str, ...]:
    of_classes = (PREDICTED_CLASS, *probability_columns(spec.label.classes)) if spec.is_multiclass else ()
    return (PREDICTION_ID, PREDICTION, *of_classes, ERROR)


def _prediction_columns(predictions: Sequence[Answer | None]) -> Mapping[str, pa.Array]:
    """As in the table of predictions: of more than two classes the most probable one, its probability, and each's."""
    classes = next((list(each) for each in predictions if isinstance(each, Mapping)), [])
    if not classes:
        return {PREDICTION: pa.array(predictions, pa.float64())}
    chosen = [(None, None) if each is None else most_probable(each) for each in predictions]
    of_classes = zip(classes, probability_columns(classes), strict=True)
    return {
        PREDICTED_CLASS: pa.array([name for name, _ in chosen], pa.string()),
        PREDICTION: pa.array([probability for _, probability in chosen], pa.float64()),
    } | {
        column: pa.array([each[name] if isinstance(each, Mapping) else None for each in predictions], pa.float64())
        for name, column in of_classes
    }


def _parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()


def _compressed(file: BinaryIO) -> BinaryIO:
    # Without a time in it, equal answers are equal bytes.
    return cast("BinaryIO", gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0))


def _write_parquet(body: BinaryIO, tables: Iterator[pa.Table]) -> None:
    first = next(tables)
    with pq.ParquetWriter(NonClosingFile(body), first.schema, compression="zstd") as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table.cast(first.schema))


def _write_arrow(body: BinaryIO, tables: Iterator[pa.Table]) -> None:
    first = next(tables)
    with pa.ipc.new_file(NonClosingFile(body), first.schema) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table.cast(first.schema))


def _write_csv(body: BinaryIO, tables: Iterator[pa.Table]) -> None:
    """With a header and commas, whatever the separator of the landed file."""
    with _text(body) as text:
        writer = csv.writer(text, lineterminator="\n")
        for number, table in enumerate(tables):
            if number == 0:
                writer.writerow(table.column_names)
            for row in table.to_pylist():
                writer.writerow("" if value is None else value for value in row.values())


def _write_json_lines(body: BinaryIO, tables: Iterator[pa.Table]) -> None:
    with _text(body) as text:
        for table in tables:
            for row in table.to_pylist():
                text.write(f"{json.dumps(row, default=str)}\n")


@contextmanager
def _text(body: BinaryIO) -> Iterator[TextIO]:
    text = io.TextIOWrapper(body, encoding="utf-8", newline="")
    try:
        yield text
    finally:
        text.flush()
        text.detach()


_WRITERS: Mapping[FileForm, Callable[[BinaryIO, Iterator[pa.Table]], None]] = {
    FileForm.CSV: _write_csv,
    FileForm.JSON_LINES: _write_json_lines,
    FileForm.PARQUET: _write_parquet,
    FileForm.ARROW: _write_arrow,
}
