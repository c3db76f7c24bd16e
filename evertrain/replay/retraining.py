"""A retraining from its decision to its outcome: the states of `infra/retraining_state_machine.py`, one after the
other, in this process."""

from dataclasses import dataclass

from evertrain.domain.deployment.steps import LIVE_ALIAS
from evertrain.domain.errors import EvertrainError
from evertrain.domain.events import EventName
from evertrain.domain.training.evaluation import EstimatorFailed
from evertrain.domain.training.outcomes import Outcome, classify_failure
from evertrain.ports.endpoint import Live
from evertrain.use_cases.release.register_version import RegisterVersion
from evertrain.use_cases.release.roll_out import RollOut
from evertrain.use_cases.training.evaluate_contenders import EvaluateContenders
from evertrain.use_cases.training.finish_retraining import FinishRetraining, describe_failure
from evertrain.use_cases.training.gate_contender import GateContender
from evertrain.use_cases.training.next_halving_round import NextHalvingRound
from evertrain.use_cases.training.plan_retraining import PlannedRetraining, PlanRetraining
from evertrain.use_cases.training.train_contender import TrainContender


@dataclass(frozen=True, kw_only=True)
class RunRetraining:
    plan: PlanRetraining
    train: TrainContender
    narrow: NextHalvingRound
    evaluate: EvaluateContenders
    gate: GateContender
    register: RegisterVersion
    roll_out: RollOut
    finish: FinishRetraining

    def run(self, model: str, decision_id: str) -> Outcome:
        """Whatever fails ends as an outcome, as in a stage; but for an estimator that raises, which is to be mended
        before a replay can tell anything. Raises EstimatorFailed."""
        try:
            planned = self.plan.run(model, decision_id)
            self._evaluate(planned)
            name, version, sentence = self._release(planned)
        except EstimatorFailed:
            raise
        except EvertrainError as error:
            sentence = describe_failure(type(error).__name__, str(error))
            name, version = classify_failure(sentence), ""
        return self.finish.run(model=model, decision_id=decision_id, name=name, version=version, sentence=sentence)

    def _evaluate(self, planned: PlannedRetraining) -> None:
        current_round = planned.round
        while True:
            for candidate in current_round.candidates:
                self.train.run(planned.plan_uri, candidate, current_round.number)
            if current_round.is_last:
                break
            current_round = self.narrow.run(planned.plan_uri, current_round.number)
        self.evaluate.run(planned.plan_uri, current_round.number)

    def _release(self, planned: PlannedRetraining) -> tuple[EventName, str, str]:
        model, verdict = planned.plan.model, self.gate.run(planned.plan_uri)
        registered = self.register.run(planned.plan_uri)
        version = registered.version.version
        if not verdict.passed:
            return EventName.CONTENDER_REJECTED, version, verdict.sentence
        published = self.roll_out.publish(model, version)
        self.roll_out.smoke_test(model, version, function_version=published.function_version)
        # No caller asks here: there are no steps to take.
        self.roll_out.endpoint.point_alias(model, Live(function_version=published.function_version))
        self.roll_out.smoke_test(model, version, function_version=LIVE_ALIAS)
        self.roll_out.promote(
            model,
            version,
            function_version=published.function_version,
            expected_champion=registered.expected_champion,
        )
        return EventName.MODEL_PROMOTED, version, verdict.sentence
