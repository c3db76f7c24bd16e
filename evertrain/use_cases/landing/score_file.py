"""A landed file of rows is answered by a file: asked of the champion's function, part by part.

Three steps, each of which may be repeated: `split`, `score_part` for each part, `finish`. What was predicted is
logged as the endpoint's answers are, so drift is watched in it and labels can refer to it.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import groupby

from evertrain.domain.deployment.routes import MAX_PROBABILITIES
from evertrain.domain.errors import EvertrainError, list_names, shorten
from evertrain.domain.landing.batches import LandedObject
from evertrain.domain.landing.predictions import AnsweredRequest, is_sampled
from evertrain.domain.landing.scoring import ScoringPlan, ScoringReport, model_of
from evertrain.domain.project.model import Project
from evertrain.domain.project.prediction import Answer
from evertrain.domain.release.registry import Champion
from evertrain.ports.batch_reader import BatchRejected
from evertrain.ports.batches import LandingZone, ObjectGone
from evertrain.ports.endpoint import ScoringEndpoint
from evertrain.ports.registry import ModelRegistry
from evertrain.ports.scoring import PredictionLog, RowsToScore, Scored, ScoringFiles, ScoringStore

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 5_000
"""Of a question to the function: some seconds of a large ensemble, some megabytes of text."""


class NobodyAnswers(EvertrainError):
    """The key names no model, or one without a champion."""


@dataclass(frozen=True, kw_only=True)
class ScoreFile:
    """`max_bytes`: a larger object is cut by a function with more time."""

    project: Project
    landing: LandingZone
    registry: ModelRegistry
    endpoint: ScoringEndpoint
    files: ScoringFiles
    store: ScoringStore
    log: PredictionLog
    max_bytes: int

    def is_large(self, landed: LandedObject) -> bool:
        """Raises ObjectGone."""
        return self.landing.size(landed) > self.max_bytes

    def split(self, landed: LandedObject) -> tuple[str, ScoringPlan] | ScoringReport:
        """Where the plan is written down; or why the file can't be answered. Raises ObjectGone, EndpointError."""
        landed_at = self.landing.landed_at(landed)
        try:
            plan = self._cut(landed, self._champion(landed.key), landed_at)
        except (NobodyAnswers, BatchRejected) as refused:
            model = model_of(landed.key) or ""
            return self._reported(
                ScoringReport(file=landed.key, landed_at=landed_at, model=model, error=str(refused))
            )
        return self.store.put_plan(plan), plan

    def _champion(self, key: str) -> Champion:
        """Who answers the file. Raises NobodyAnswers."""
        model = model_of(key)
        if model is None or model not in self.project.models:
            known = list_names(sorted(self.project.models))
            asked = f"there is no model {shorten(model)!r}" if model else "the key names no model"
            raise NobodyAnswers(f"{asked}; land it below scoring/<model>/, of {known}")
        champion = self.registry.champion(model)
        if champion is None:
            raise NobodyAnswers(f"{model} has no champion yet: land the file again once its first model is trained")
        return champion

    def _cut(self, landed: LandedObject, champion: Champion, landed_at: datetime) -> ScoringPlan:
        """Its rows are kept part by part. Raises BatchRejected, ObjectGone, EndpointError."""
        model = champion.model
        served = self.endpoint.describe(model, qualifier=champion.function_version)
        named = f"{landed.bucket}/{landed.key} {landed_at.isoformat()} {model}:{champion.function_version}"
        scoring_id = sha256(named.encode()).hexdigest()[:32]
        spec, counts = self.project.models[model], []
        with (
            self.landing.read(landed) as body,
            self.files.open(body, name=landed.key, spec=spec, features=served.features, landed_at=landed_at) as file,
        ):
            for part, (count, rows) in enumerate(file.parts()):
                self.store.put_rows(scoring_id, part, rows)
                counts.append(count)
            return ScoringPlan(
                scoring_id=scoring_id,
                model=model,
                model_version=champion.version,
                function_version=champion.function_version,
                landed=landed,
                landed_at=landed_at,
                form=file.form,
                is_compressed=file.is_compressed,
                parts=tuple(counts),
            )

    def score_part(self, uri: str, part: int) -> int:
        """Returns how many of its rows have no prediction. Raises EndpointError."""
        plan = self.store.plan(uri)
        served = self.endpoint.describe(plan.model, qualifier=plan.function_version)
        file, first = self.store.rows(plan.scoring_id, part), plan.first_row(part)
        at_once = min(ROWS_AT_ONCE, MAX_PROBABILITIES // max(1, len(served.classes)))
        predictions: list[Answer | None] = []
        errors: dict[int, str] = {}
        for rows in self.files.rows(file, served.features, at_once=at_once):
            scored = self.endpoint.score(plan.model, qualifier=plan.function_version, rows=rows.as_asked)
            self._log(plan, rows, scored.predictions, first_row=first + rows.first)
            predictions += scored.predictions
            errors |= {rows.first + place: error for place, error in scored.errors.items()}
        row_ids = [f"{plan.scoring_id}:{place}" for place in range(first, first + len(predictions))]
        answers = self.files.answer(
            file, served.features, Scored(predictions=predictions, errors=errors), row_ids=row_ids
        )
        self.store.put_answers(plan.scoring_id, part, answers, refused=len(errors))
        return len(errors)

    def finish(self, uri: str) -> ScoringReport | None:
        """None where another file has landed under the same key meanwhile: its answer is the one to be found.

        Raises PartNotScored.
        """
        plan = self.store.plan(uri)
        numbers = range(len(plan.parts))
        refused = sum(self.store.refused(plan.scoring_id, part) for part in numbers)
        answers = (self.store.answers(plan.scoring_id, part) for part in numbers)
        with self.files.join(plan, answers) as whole:
            if self._is_replaced(plan):
                return None
            address = self.store.publish(plan.landed.key, whole)
        return self._reported(
            ScoringReport(
                file=plan.landed.key,
                landed_at=plan.landed_at,
                model=plan.model,
                model_version=plan.model_version,
                rows=sum(plan.parts),
                refused=refused,
                answer=address,
            )
        )

    def _log(
        self, plan: ScoringPlan, rows: RowsToScore, predictions: Sequence[Answer | None], *, first_row: int
    ) -> None:
        """The file is answered even if that fails. Of which function is not told: a rollout compares callers'."""
        share = self.project.models[plan.model].endpoint.log_share
        if not is_sampled(f"{plan.scoring_id}:{first_row}", share):
            return
        for start, answered, sent in _answered_runs(predictions, rows.as_sent):
            request = AnsweredRequest(
                model=plan.model,
                model_version=plan.model_version,
                prediction_id=plan.scoring_id,
                # As of when it was asked, and the same of a step that is repeated.
                answered_at=plan.landed_at,
                first_row=first_row + start,
                rows=sent,
                predictions=answered,
                log_share=share,
            )
            try:
                self.log.put(request)
            except Exception:
                logger.exception("prediction_not_kept file=%s row=%d", plan.landed.key, first_row + start)

    def _is_replaced(self, plan: ScoringPlan) -> bool:
        try:
            return self.landing.landed_at(plan.landed) != plan.landed_at
        except ObjectGone:
            return False  # it may be tidied away as soon as it was read

    def _reported(self, report: ScoringReport) -> ScoringReport:
        self.store.report(report)
        return report


def _answered_runs(
    predictions: Sequence[Answer | None], rows: Sequence[Mapping[str, object]]
) -> Iterator[tuple[int, tuple[Answer, ...], tuple[Mapping[str, object], ...]]]:
    """Consecutive rows that have a prediction: where they begin, their predictions, and the rows."""
    for is_answered, run in groupby(range(len(predictions)), key=lambda place: predictions[place] is not None):
        places = list(run)
        if is_answered:
            answered = tuple(each for place in places if (each := predictions[place]) is not None)
            yield places[0], answered, tuple(rows[place] for place in places)
