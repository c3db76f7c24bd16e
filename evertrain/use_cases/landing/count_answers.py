"""While a rollout is under way, what both versions answer is counted, for it to be judged by.

At a shadow step the contender is asked here what callers asked: it answers none of them, and none waits for it.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import groupby

from evertrain.domain.landing.predictions import FAILED, AnsweredRequest
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.release.answers import Answers
from evertrain.domain.release.rollout import Rollout
from evertrain.ports.answers import AnswerLog
from evertrain.ports.endpoint import Endpoint, EndpointError
from evertrain.ports.registry import ModelRegistry
from evertrain.statistics.answers import count_answers

logger = logging.getLogger(__name__)

MAX_SHADOWED = 200
"""Requests of a delivery that a shadow is asked: some seconds of a minute."""

MAX_SHADOW_SECONDS = 15.0
"""After so many no other request begins."""


@dataclass(frozen=True, kw_only=True)
class CountAnswers:
    """`timer`: seconds, from any beginning."""

    project: Project
    registry: ModelRegistry
    endpoint: Endpoint
    log: AnswerLog
    timer: Callable[[], float]

    def run(self, answered: Sequence[AnsweredRequest]) -> None:
        """The same requests are counted as the same item."""
        ordered = sorted(answered, key=lambda each: (each.model, each.prediction_id, each.first_row or 0))
        for model, of_model in groupby(ordered, key=lambda each: each.model):
            spec, rollout = self.project.models.get(model), self.registry.rollout(model)
            if spec is not None and rollout is not None:
                self._count(spec, rollout, list(of_model))

    def _count(self, spec: ModelSpec, rollout: Rollout, answered: list[AnsweredRequest]) -> None:
        # Those of an earlier step come too late for it, and do not belong to this one.
        of_step = [each for each in answered if each.answered_at >= rollout.step_began_at]
        for version in (rollout.function_version, rollout.champion):
            self._keep(spec, version, [each for each in of_step if each.function_version == version])
        if rollout.is_shadow:
            self._keep(spec, rollout.function_version, self._shadowed(rollout, of_step))

    def _keep(self, spec: ModelSpec, function_version: str, answered: Sequence[AnsweredRequest]) -> None:
        if answered:
            self.log.put(spec.name, _answers(spec, function_version, answered))

    def _shadowed(self, rollout: Rollout, answered: Sequence[AnsweredRequest]) -> list[AnsweredRequest]:
        by_champion = [each for each in answered if each.function_version == rollout.champion and not each.trouble]
        return list(self._ask(rollout, by_champion[:MAX_SHADOWED]))

    def _ask(self, rollout: Rollout, answered: Sequence[AnsweredRequest]) -> Iterator[AnsweredRequest]:
        until = self.timer() + MAX_SHADOW_SECONDS
        for each in answered:
            if self.timer() > until:
                return  # a shadow that hangs must not keep others waiting
            asked = replace(each, model_version=rollout.version, function_version=rollout.function_version)
            try:
                answer = self.endpoint.predict(
                    each.model, qualifier=rollout.function_version, rows=each.rows, asked_at=each.answered_at
                )
            except EndpointError as error:
                logger.info("shadow_failed model=%s version=%s error=%s", each.model, rollout.version, error)
                yield replace(asked, predictions=(), trouble=FAILED)
            else:
                yield replace(asked, predictions=answer.predictions, milliseconds=answer.milliseconds)


def _answers(spec: ModelSpec, function_version: str, answered: Sequence[AnsweredRequest]) -> Answers:
    names = "\n".join(f"{each.prediction_id}:{each.first_row}" for each in answered)
    return Answers(
        function_version=function_version,
        first_at=min(each.answered_at for each in answered),
        name=sha256(names.encode()).hexdigest()[:16],
        counts=count_answers(
            spec.task,
            answered,
            columns=[each.column for each in spec.gate.slices],
            classes=spec.label.classes if spec.is_multiclass else (),
        ),
    )
