"""A published version answers a growing share of the callers, and is looked at in between.

Its own answers are compared with the champion's to the same stream of requests; who is unwell goes back. Each call
may be repeated.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from evertrain.domain.deployment.steps import LIVE_ALIAS
from evertrain.domain.monitoring.performance import Sums
from evertrain.domain.release.answers import counts_of
from evertrain.domain.release.health import HealthEvidence, share_of_kept, what_is_wrong
from evertrain.domain.release.registry import UNPUBLISHED_VERSION, champion_function_version
from evertrain.domain.release.rollout import (
    LOOK_AGAIN,
    NEXT_STEP,
    PROMOTE,
    ContenderUnwell,
    Rollout,
    RolloutInterrupted,
    RolloutPlan,
    StepUnderWay,
)
from evertrain.domain.training.plan import TrainingPlan
from evertrain.ports.answers import AnswerLog
from evertrain.ports.endpoint import Endpoint, Live
from evertrain.ports.performance import PerformanceLog
from evertrain.ports.registry import ModelRegistry
from evertrain.ports.runs import RunStore
from evertrain.use_cases.release.roll_out import RollOut


@dataclass(frozen=True, kw_only=True)
class TakeSteps:
    """`wall_clock`: callers live by it, also where history is replayed. `bake`: instead of what models declare."""

    registry: ModelRegistry
    endpoint: Endpoint
    runs: RunStore
    answers: AnswerLog
    performance: PerformanceLog
    roll_out: RollOut
    wall_clock: Callable[[], datetime]
    bake: timedelta | None = None

    def shift(
        self,
        model: str,
        version: str,
        *,
        function_version: str,
        previous_function_version: str,
        expected_champion: str | None,
        step: int,
    ) -> StepUnderWay:
        """To the step of this number, from 0. Raises EndpointError, RegistryConflict where the version may not go on,
        and RolloutInterrupted where a person stopped it, or another became champion since it was judged."""
        self._require_champion(model, version, expected_champion, previous_function_version)
        is_alone = previous_function_version in (UNPUBLISHED_VERSION, function_version)
        plan = self._steps(self._plan(model, version), is_alone=is_alone)
        if step:
            self.require_under_way(model, version, function_version=function_version)
        rollout = Rollout(
            model=model,
            version=version,
            function_version=function_version,
            champion=previous_function_version,
            share=plan.shares[step],
            step_began_at=self.wall_clock(),
        )
        self.registry.begin_step(rollout)
        self.endpoint.point_alias(model, live_of(rollout))
        if self.registry.rollout(model) != rollout:  # a person was quicker, and the alias is to be pointed back
            raise RolloutInterrupted(f"{version} of {model}: its rollout was ended meanwhile")
        return StepUnderWay(number=step, share=rollout.share, look=1, wait_seconds=plan.wait_seconds)

    def _require_champion(self, model: str, version: str, expected: str | None, function_version: str) -> None:
        champion = self.registry.champion(model)
        is_now = champion.version if champion else None
        if is_now != expected or champion_function_version(champion) != function_version:
            raise RolloutInterrupted(
                f"{version} of {model} was judged against {expected or 'nobody'}, and now {is_now or 'nobody'} is "
                f"champion, by function version {champion_function_version(champion)}"
            )

    def require_under_way(self, model: str, version: str, *, function_version: str) -> None:
        """Before it goes on to the next step, or is promoted. Raises RolloutInterrupted."""
        rollout = self.registry.rollout(model)
        if rollout is None or rollout.function_version != function_version:
            raise RolloutInterrupted(f"{version} of {model}: its rollout was ended, by a person or by another one")

    def look(self, model: str, version: str, step: StepUnderWay) -> StepUnderWay:
        """Where to go from here. Raises ContenderUnwell, RolloutInterrupted, EndpointError."""
        rollout = self.registry.rollout(model)
        if rollout is None or rollout.version != version or self.endpoint.live(model) != live_of(rollout):
            raise RolloutInterrupted(
                f"{version} of {model}: something else answers than this rollout has put there; "
                "a person took it back, or another rollout began"
            )
        # By the way that callers take, where all of them take it.
        target = LIVE_ALIAS if rollout.share == 1 else rollout.function_version
        self.roll_out.smoke_test(model, version, function_version=target)
        plan = self._plan(model, version)
        steps = self._steps(plan, is_alone=rollout.is_alone)
        evidence = self._evidence(
            rollout,
            plan,
            look=step.number * steps.looks + step.look,
            looks=len(steps.shares) * steps.looks,
        )
        if wrong := what_is_wrong(evidence):
            place = "as a shadow" if rollout.is_shadow else f"at {step.share:.0%} of the requests"
            raise ContenderUnwell(f"{version} of {model} is unwell {place}: {'; '.join(wrong)}")
        if step.look < steps.looks:
            return replace(step, look=step.look + 1, next=LOOK_AGAIN)
        is_last = step.number == len(steps.shares) - 1
        return replace(step, number=step.number + 1, look=1, next=PROMOTE if is_last else NEXT_STEP)

    def _plan(self, model: str, version: str) -> TrainingPlan:
        """As the model was declared when the retraining was planned."""
        return self.runs.plan(self.registry.version(model, version).plan_uri)

    def _steps(self, plan: TrainingPlan, *, is_alone: bool) -> RolloutPlan:
        return RolloutPlan.of(plan.spec.rollout, is_alone=is_alone, bake=self.bake)

    def _evidence(self, rollout: Rollout, plan: TrainingPlan, *, look: int, looks: int) -> HealthEvidence:
        # Of this step only: who answers is drawn at random within a step, and the time of day differs between them.
        answers = self.answers.answers(rollout.model, since=rollout.step_began_at)
        new, old = (counts_of(answers, each) for each in (rollout.function_version, rollout.champion))
        kept = new.log_share if new.requests else plan.spec.endpoint.log_share
        return HealthEvidence(
            contender=new,
            champion=old,
            share=share_of_kept(rollout.share, kept=kept, of_champion=old.log_share),
            slow_after=plan.spec.rollout.slow_after_ms,
            apart=self._apart(rollout, plan),
            look=look,
            looks=looks,
            realised=self._realised(rollout),
        )

    def _realised(self, rollout: Rollout) -> tuple[Sums, Sums] | None:
        """On the days that both were measured on equally many rows of."""
        champion = self.registry.champion(rollout.model)
        if champion is None or champion.version == rollout.version:
            return None
        new, old = (
            {day.day: day.losses for day in self.performance.performance(rollout.model, version).realised}
            for version in (rollout.version, champion.version)
        )
        days = [day for day, losses in new.items() if day in old and old[day].count == losses.count]
        if not days:
            return None
        return sum((new[day] for day in days), start=Sums()), sum((old[day] for day in days), start=Sums())

    def _apart(self, rollout: Rollout, plan: TrainingPlan) -> Mapping[str, float]:
        """The same model with new code predicts the same."""
        champion = self.registry.champion(rollout.model)
        if champion is None or champion.version == rollout.version:
            return {"": 0.0}
        # Measured beside the champion of then, and of no use beside another.
        return self.runs.evaluation(plan).apart if plan.champion_version == champion.version else {}


def live_of(rollout: Rollout) -> Live:
    """Where the alias points at this step."""
    if rollout.share == 1:
        return Live(function_version=rollout.function_version)
    if rollout.is_shadow:
        return Live(function_version=rollout.champion)
    return Live(function_version=rollout.champion, canary=rollout.function_version, share=rollout.share)
