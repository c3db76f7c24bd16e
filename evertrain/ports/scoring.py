"""Files of rows to be predicted: how they are read and answered, and where their parts wait for each other."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.predictions import AnsweredRequest
from evertrain.domain.landing.scoring import ScoringPlan, ScoringReport
from evertrain.domain.project.file_format import FileForm
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.prediction import Answer
from evertrain.scoring import Feature

Row = Mapping[str, object]


class PartNotScored(EvertrainError):
    """A part of a file has no answers yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsToScore:
    """Some consecutive rows of a part. `as_asked`: as the model takes them, times as ages in days. `as_sent`: the
    same with times as ISO 8601 text."""

    first: int
    as_asked: Sequence[Row]
    as_sent: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Of consecutive rows. `predictions`: None where a row has an entry in `errors`, by its place."""

    predictions: Sequence[Answer | None]
    errors: Mapping[int, str]


class ScoringFile(Protocol):
    """A landed file, open."""

    @property
    def form(self) -> FileForm: ...

    @property
    def is_compressed(self) -> bool: ...

    def parts(self) -> Iterator[tuple[int, bytes]]:
        """The number of rows and a file of them. Raises BatchRejected."""


class ScoringFiles(Protocol):
    def open(
        self, body: BinaryIO, *, name: str, spec: ModelSpec, features: Sequence[Feature], landed_at: datetime
    ) -> AbstractContextManager[ScoringFile]:
        """Every feature needs a column; what else there is comes back with the answer. Raises BatchRejected."""

    def rows(self, part: bytes, features: Sequence[Feature], *, at_once: int) -> Iterator[RowsToScore]: ...

    def answer(self, part: bytes, features: Sequence[Feature], scored: Scored, *, row_ids: Sequence[str]) -> bytes:
        """A file of a part's answers."""

    def join(self, plan: ScoringPlan, answers: Iterator[bytes]) -> AbstractContextManager[BinaryIO]:
        """The whole answer, in the form of the landed file."""


class ScoringStore(Protocol):
    """Everything has one place, made from the plan's id: a repeated step replaces its own."""

    def put_plan(self, plan: ScoringPlan) -> str:
        """Returns the URI."""

    def plan(self, uri: str) -> ScoringPlan: ...

    def put_rows(self, scoring_id: str, part: int, rows: bytes) -> None: ...

    def rows(self, scoring_id: str, part: int) -> bytes: ...

    def put_answers(self, scoring_id: str, part: int, answers: bytes, *, refused: int) -> None: ...

    def answers(self, scoring_id: str, part: int) -> bytes:
        """Raises PartNotScored."""

    def refused(self, scoring_id: str, part: int) -> int:
        """How many rows of it have no prediction. Raises PartNotScored."""

    def publish(self, key: str, answer: BinaryIO) -> str:
        """Puts the answer where whoever landed the file finds it; returns the URI."""

    def report(self, report: ScoringReport) -> None:
        """Replaces an earlier report on the same file."""


class PredictionLog(Protocol):
    def put(self, answered: AnsweredRequest) -> None: ...
