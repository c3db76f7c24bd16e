"""A landed file of rows to be predicted, `scoring/<model>/…`: how it is cut, and what became of it."""

from dataclasses import dataclass
from datetime import datetime

from evertrain.domain.landing.batches import LandedObject
from evertrain.domain.project.file_format import FileForm

SCORING = "scoring"
"""The folder of the landing bucket; below it comes the model's name."""

REPORT_SUFFIX = ".report.json"
"""Behind a landed file's key: where it is told what became of it."""

ERROR = "error"
"""The answer's column with why a row has no prediction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringPlan:
    """`scoring_id`: made from which object landed when, and who answers. `landed_at`: the moment as of which rows
    are predicted that name none. `form`: of the rows, and so of the answer. `parts`: the rows of each.

    All parts are answered by one version, even if the champion changes meanwhile.
    """

    scoring_id: str
    model: str
    model_version: str
    function_version: str
    landed: LandedObject
    landed_at: datetime
    form: FileForm
    is_compressed: bool
    parts: tuple[int, ...]

    def first_row(self, part: int) -> int:
        """The place of a part's first row in the file, counted from 0."""
        return sum(self.parts[:part])


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringReport:
    """What whoever landed the file reads. `answer`: the URI, in which `refused` of `rows` have no prediction but an
    error; empty where the whole file was refused, and then `error` says why."""

    file: str
    landed_at: datetime
    model: str
    model_version: str = ""
    rows: int = 0
    refused: int = 0
    answer: str = ""
    error: str = ""


def model_of(key: str) -> str | None:
    """The model that a key asks for, which need not be a known one; None where it names none.

    >>> model_of("scoring/flights/2013/04.csv"), model_of("scoring/flights"), model_of("features/flights/1.csv")
    ('flights', None, None)
    """
    kind, _, rest = key.partition("/")
    model, slash, name = rest.partition("/")
    return model if kind == SCORING and slash and model and name else None
