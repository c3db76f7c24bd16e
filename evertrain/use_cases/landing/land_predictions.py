"""Lands requests and their answers as batches, one for each model, like those that anyone else may land."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import groupby

from evertrain.domain.landing.feeds import prediction_feed
from evertrain.domain.landing.predictions import AnsweredRequest
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.ports.batches import LandingWriter
from evertrain.ports.clock import Clock

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedPredictions:
    model: str
    key: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class LandPredictions:
    """`encode_file` makes a batch's file. `replay_clock`: the clock of a stage that goes through history."""

    project: Project
    encode_file: Callable[[ModelSpec, Sequence[AnsweredRequest]], bytes]
    landing: LandingWriter
    replay_clock: Clock | None = None

    def run(self, answered: Sequence[AnsweredRequest]) -> Iterator[LandedPredictions]:
        """The same requests land as the same object; those without an answer do not land."""
        with_answer = (each for each in answered if not each.trouble)
        ordered = sorted(with_answer, key=lambda each: (each.model, each.prediction_id, each.first_row or 0))
        for model, of_model in groupby(ordered, key=lambda each: each.model):
            spec = self.project.models.get(model)
            if spec is None:
                # Asked of a function that outlived its folder in models/.
                logger.warning("predictions_of_unknown_model model=%s", model)
                continue
            yield self._land(spec, list(of_model))

    def _land(self, spec: ModelSpec, answered: list[AnsweredRequest]) -> LandedPredictions:
        if self.replay_clock is not None:
            now = self.replay_clock.now()
            answered = [replace(each, answered_at=now) for each in answered]
        body = self.encode_file(spec, answered)
        feed = prediction_feed(spec)
        key = f"{feed}/{min(each.answered_at for each in answered):%Y/%m/%d}/{sha256(body).hexdigest()[:32]}.parquet"
        self.landing.put(key, body)
        return LandedPredictions(model=spec.name, key=key, rows=sum(len(each.rows) for each in answered))
