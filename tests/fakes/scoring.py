"""Parts of files to be answered, their answers and reports, in memory."""

from dataclasses import dataclass, field
from typing import BinaryIO

from evertrain.domain.landing.predictions import AnsweredRequest
from evertrain.domain.landing.scoring import ScoringPlan, ScoringReport
from evertrain.ports.scoring import PartNotScored

Name = tuple[str, int]


@dataclass
class FakeScoringStore:
    plans: dict[str, ScoringPlan] = field(default_factory=dict)
    published: dict[str, bytes] = field(default_factory=dict)
    reports: dict[str, ScoringReport] = field(default_factory=dict)
    _rows: dict[Name, bytes] = field(default_factory=dict)
    _answers: dict[Name, tuple[bytes, int]] = field(default_factory=dict)

    def put_plan(self, plan: ScoringPlan) -> str:
        uri = f"memory://{plan.scoring_id}"
        self.plans[uri] = plan
        return uri

    def plan(self, uri: str) -> ScoringPlan:
        return self.plans[uri]

    def put_rows(self, scoring_id: str, part: int, rows: bytes) -> None:
        self._rows[scoring_id, part] = rows

    def rows(self, scoring_id: str, part: int) -> bytes:
        return self._rows[scoring_id, part]

    def put_answers(self, scoring_id: str, part: int, answers: bytes, *, refused: int) -> None:
        self._answers[scoring_id, part] = answers, refused

    def answers(self, scoring_id: str, part: int) -> bytes:
        return self._scored(scoring_id, part)[0]

    def refused(self, scoring_id: str, part: int) -> int:
        return self._scored(scoring_id, part)[1]

    def publish(self, key: str, answer: BinaryIO) -> str:
        self.published[key] = answer.read()
        return f"memory://scores/{key}"

    def report(self, report: ScoringReport) -> None:
        self.reports[report.file] = report

    def _scored(self, scoring_id: str, part: int) -> tuple[bytes, int]:
        if (scoring_id, part) not in self._answers:
            raise PartNotScored(f"part {part} of {scoring_id} has no answers yet")
        return self._answers[scoring_id, part]


@dataclass
class FakePredictionLog:
    """`broken`: nothing can be put."""

    kept: list[AnsweredRequest] = field(default_factory=list)
    broken: bool = False

    def put(self, answered: AnsweredRequest) -> None:
        if self.broken:
            raise OSError("no queue")
        self.kept.append(answered)
