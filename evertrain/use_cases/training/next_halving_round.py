"""After a round of trials: which candidates go on, on more rows? The hopeless ones cost no more from here on."""

import logging
from dataclasses import dataclass

from evertrain.domain.training.candidates import Round
from evertrain.domain.training.rounds import next_halving_round
from evertrain.ports.runs import RunStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class NextHalvingRound:
    runs: RunStore

    def run(self, plan_uri: str, number: int) -> Round:
        """The round after this one. A repeat answers the same. Raises NothingToChoose, ArtifactNotFound."""
        plan = self.runs.plan(plan_uri)
        current_round = self.runs.round(plan, number)
        next_round = next_halving_round(self.runs.trials(plan, current_round))
        self.runs.put_round(plan, next_round)
        logger.info(
            "candidates_narrowed model=%s decision=%s round=%d of=%d kept=%s",
            plan.model,
            plan.decision_id,
            next_round.number,
            len(current_round.candidates),
            ",".join(next_round.candidates),
        )
        return next_round
