"""The order of a retraining. The steps themselves are in the functions and the training container.

Every step may be repeated. Once the lease is taken, every path ends in exactly one Finish state, which records the
outcome and frees the model. The machine has no timeout, which would end it without that state. Instead each state has
one, and their sum stays below the lease, which Plan extends where containers run in several waves, by what the steps
of a rollout take, and by how long a person is waited for.
"""

from collections.abc import Mapping
from dataclasses import asdict

from aws_cdk import Duration
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from evertrain.adapters.aws.sqs_events import InvalidEvent
from evertrain.domain.deployment.steps import ApprovalAnswer, LifecycleStep, RolloutStep, TrainingJob
from evertrain.domain.deployment.variables import Variable
from evertrain.domain.events import EventName
from evertrain.domain.release.registry import AlreadyPromoted, RegistryConflict
from evertrain.domain.release.rollout import (
    LOOK_AGAIN,
    NEXT_STEP,
    ContenderUnwell,
    RolloutInterrupted,
    StepUnderWay,
)
from evertrain.domain.training.rounds import TRAINING_TIMEOUT, NothingToChoose
from evertrain.domain.training.windows import NotEnoughHistory
from evertrain.ports.decisions import LeaseHeld, UnknownDecision
from infra.state_machines import function_step, logged_state_machine

NON_RETRYABLE_ERRORS = tuple(
    error.__name__
    for error in (
        LeaseHeld,
        UnknownDecision,
        InvalidEvent,
        NotEnoughHistory,
        NothingToChoose,
        RegistryConflict,
        AlreadyPromoted,
        ContenderUnwell,
        RolloutInterrupted,
    )
)
"""Answers, not accidents: asking again would not change them."""

EVALUATION_TIMEOUT = Duration.seconds(TRAINING_TIMEOUT.total_seconds()).plus(Duration.minutes(30))
"""What passes is fitted once more."""


class RetrainingStateMachine(Construct):
    """Input: the detail of `RetrainRequested`."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        lifecycle: lambda_.IFunction,
        rollout: lambda_.IFunction,
        cluster: ecs.ICluster,
        task_definition: ecs.FargateTaskDefinition,
        container: ecs.ContainerDefinition,
    ) -> None:
        super().__init__(scope, name)
        self._lifecycle = lifecycle
        self._rollout = rollout
        self._cluster = cluster
        self._task_definition = task_definition
        self._container = container
        self.state_machine = logged_state_machine(self, self._definition())

    def _definition(self) -> sfn.IChainable:
        begin = sfn.Pass(
            self,
            "Begin",
            comment="So that a failure before registration has a version to name: none",
            result=sfn.Result.from_object({"version": ""}),
            result_path="$.registered",
        )
        execution = {"execution": sfn.JsonPath.execution_id}
        acquire_lease = self._lifecycle_step(
            LifecycleStep.ACQUIRE_LEASE, _DECISION | execution, result="$.registered"
        )
        # A person may let a version come to answer as it is: then there is nothing to train and to judge.
        trains = sfn.Choice(self, "Trains?")
        as_it_is = sfn.Pass(
            self, "AsItIs", parameters=_json_paths(sentence="$.registered.sentence"), result_path="$.gate"
        )
        plan = self._lifecycle_step(LifecycleStep.PLAN, _DECISION | execution, result="$.plan")
        train = self._train()
        last_round = sfn.Choice(self, "LastRound?")
        narrow = self._lifecycle_step(LifecycleStep.NARROW, _PLAN_URI | _ROUND, result="$.plan.round")
        evaluate = self._evaluate()
        gate = self._lifecycle_step(LifecycleStep.GATE, _PLAN_URI, result="$.gate")
        register = self._lifecycle_step(LifecycleStep.REGISTER, _PLAN_URI, result="$.registered")
        passed = sfn.Choice(self, "Passed?")
        publish = self._rollout_step(RolloutStep.PUBLISH, _VERSION, result="$.published")
        smoke_test = self._rollout_step(RolloutStep.SMOKE_TEST, _VERSION | _FUNCTION_VERSION)
        begin_rollout = sfn.Pass(
            self,
            "BeginRollout",
            result=sfn.Result.from_object(asdict(StepUnderWay(number=0, share=0, look=1, wait_seconds=0))),
            result_path="$.rollout",
        )
        shift_alias = self._rollout_step(
            RolloutStep.SHIFT_ALIAS,
            {**_VERSION, **_FUNCTION_VERSION, **_PREVIOUS_FUNCTION_VERSION, **_EXPECTED_CHAMPION, **_ROLLOUT},
            result="$.rollout",
        )
        bake = sfn.Wait(self, "Bake", time=sfn.WaitTime.seconds_path("$.rollout.wait_seconds"))
        health_check = self._rollout_step(RolloutStep.HEALTH_CHECK, {**_VERSION, **_ROLLOUT}, result="$.rollout")
        well = sfn.Choice(self, "Well?", comment="Who is unwell raises, and is rolled back")
        promote = self._rollout_step(RolloutStep.PROMOTE, _VERSION | _FUNCTION_VERSION | _EXPECTED_CHAMPION)
        rollback = self._rollout_step(RolloutStep.ROLLBACK, _VERSION | _PREVIOUS_FUNCTION_VERSION)

        promoted = self._finish(EventName.MODEL_PROMOTED, _VERDICT).next(sfn.Succeed(self, "Promoted"))
        rejected = self._finish(EventName.CONTENDER_REJECTED, _VERDICT).next(sfn.Succeed(self, "Rejected"))
        failed = self._finish(EventName.RETRAIN_FAILED, _FAILURE, result="$.ended")
        # Too few rows show only in the message of a container or a function. Then nothing failed: it is postponed.
        postponed = sfn.Choice(self, "Postponed?")
        postponed.when(
            sfn.Condition.string_equals("$.ended.outcome", str(EventName.RETRAIN_POSTPONED)),
            sfn.Succeed(self, "Postponed"),
        ).otherwise(self._fail("Failed"))
        failed.next(postponed)
        rolled_back = self._finish(EventName.ROLLED_BACK, _FAILURE).next(self._fail("RolledBack"))

        # An event that somebody made up: nothing of it is written down.
        acquire_lease.add_catch(
            self._fail("Refused"), errors=[InvalidEvent.__name__, UnknownDecision.__name__], result_path="$.failure"
        )
        # The lease's holder finishes this decision, or has: a second delivery of the event must not.
        acquire_lease.add_catch(
            sfn.Succeed(self, "LeftToTheHolder"), errors=[LeaseHeld.__name__], result_path=sfn.JsonPath.DISCARD
        )
        for state in (acquire_lease, plan, train, narrow, evaluate, gate, register, publish, smoke_test):
            state.add_catch(failed, result_path="$.failure")
        for state in (shift_alias, health_check, promote):
            state.add_catch(rollback, result_path="$.failure")
        # The promotion was made although its answer was lost.
        rollback.add_catch(promoted, errors=[AlreadyPromoted.__name__], result_path=sfn.JsonPath.DISCARD)
        rollback.add_catch(failed, result_path="$.failure")
        rollback.next(rolled_back)

        well.when(_next_is(LOOK_AGAIN), bake).when(_next_is(NEXT_STEP), shift_alias).otherwise(promote)
        promote.next(promoted)
        publish.next(smoke_test).next(begin_rollout).next(shift_alias).next(bake).next(health_check).next(well)
        approved = self._ask_for_approval(then=publish, failed=failed)
        passed.when(sfn.Condition.boolean_equals("$.gate.passed", True), approved).otherwise(rejected)
        judge = evaluate.next(gate).next(register).next(passed)
        last_round.when(sfn.Condition.boolean_equals("$.plan.round.is_last", True), judge)
        last_round.otherwise(narrow.next(train))
        trains.when(sfn.Condition.string_equals("$.registered.version", ""), plan).otherwise(as_it_is)
        as_it_is.next(publish)
        plan.next(train).next(last_round)
        return begin.next(acquire_lease).next(trains)

    def _ask_for_approval(self, *, then: sfn.IChainable, failed: sfn.IChainable) -> sfn.IChainable:
        """Where the model wants it, a person's word comes before `then`: whatever callers notice.

        No answer in time, and the contender is held; the next retraining may begin. Only the function that calls the
        person is tried again: to wait again after a timeout would be to wait for ever.
        """
        ask = self._lifecycle_step(
            LifecycleStep.ASK_FOR_APPROVAL,
            _PLAN_URI | _VERSION | {"task_token": sfn.JsonPath.task_token},
            result="$.approval",
            wait_seconds_at="$.plan.approval.timeout_seconds",
        )
        turned_down = self._finish(
            EventName.CONTENDER_REJECTED, _json_paths(sentence="$.approval.sentence"), name="FinishTurnedDown"
        )
        held_because = sfn.JsonPath.format(
            "nobody approved it within {}; the gate: {}",
            sfn.JsonPath.string_at("$.plan.approval.timeout"),
            sfn.JsonPath.string_at("$.gate.sentence"),
        )
        held = self._finish(EventName.CONTENDER_HELD, {"sentence": held_because})
        ask.add_catch(
            held.next(sfn.Succeed(self, "Held")), errors=["States.Timeout"], result_path=sfn.JsonPath.DISCARD
        )
        ask.add_catch(failed, result_path="$.failure")
        answered = sfn.Choice(self, "Approved?")
        answered.when(sfn.Condition.string_equals("$.approval.answer", str(ApprovalAnswer.APPROVED)), then)
        answered.otherwise(turned_down.next(sfn.Succeed(self, "TurnedDown")))
        is_needed = sfn.Choice(self, "ApprovalNeeded?")
        is_needed.when(sfn.Condition.boolean_equals("$.plan.approval.is_needed", False), then)
        is_needed.otherwise(ask.next(answered))
        return is_needed

    # --- functions --------------------------------------------------------------------------------

    def _lifecycle_step(
        self, step: LifecycleStep, fields: Mapping[str, str], *, result: str | None = None, wait_seconds_at: str = ""
    ) -> tasks.LambdaInvoke:
        return self._step(self._lifecycle, step, fields, result=result, wait_seconds_at=wait_seconds_at)

    def _rollout_step(
        self, step: RolloutStep, fields: Mapping[str, object], *, result: str | None = None
    ) -> tasks.LambdaInvoke:
        return self._step(self._rollout, step, {**_MODEL, **fields}, result=result)

    def _finish(
        self, outcome: EventName, fields: Mapping[str, str], *, result: str | None = None, name: str = ""
    ) -> tasks.LambdaInvoke:
        name = name or f"Finish{outcome}"
        payload = {**_DECISION, **_VERSION, **fields, "outcome": str(outcome)}
        state = self._step(self._lifecycle, LifecycleStep.FINISH, payload, result=result, name=name)
        # Nobody was told: the execution fails, which is an alarm, and is reconciled.
        state.add_catch(self._fail(f"{name.removeprefix('Finish')}Untold"), result_path="$.failure")
        return state

    def _step(
        self,
        function: lambda_.IFunction,
        step: LifecycleStep | RolloutStep,
        fields: Mapping[str, object],
        *,
        result: str | None,
        name: str = "",
        wait_seconds_at: str = "",
    ) -> tasks.LambdaInvoke:
        return function_step(
            self,
            step,
            function=function,
            payload=fields,
            result_path=result,
            non_retryable_errors=NON_RETRYABLE_ERRORS,
            max_attempts=3,
            name=name,
            wait_seconds_at=wait_seconds_at,
        )

    def _fail(self, name: str) -> sfn.Fail:
        return sfn.Fail(self, name, error_path="$.failure.Error", cause_path="$.failure.Cause")

    # --- containers -------------------------------------------------------------------------------

    def _train(self) -> sfn.Map:
        """The candidates of a round, as many at the same time as the model allows. One that fails fails all."""
        candidates = sfn.Map(
            self,
            "Train",
            items_path="$.plan.round.candidates",
            item_selector={
                "candidate": sfn.JsonPath.string_at("$$.Map.Item.Value"),
                "plan": sfn.JsonPath.object_at("$.plan"),
            },
            max_concurrency_path="$.plan.concurrency",
            result_path=sfn.JsonPath.DISCARD,
        )
        candidates.item_processor(self._train_one())
        return candidates

    def _train_one(self) -> sfn.IChainable:
        """On spot capacity at first, where the model allows it; on demand where there is none or it is taken away.

        A container that ran to its own end, or that took too long, would do so again.
        """
        fields, timeout = {Variable.CANDIDATE: "$.candidate"}, Duration.seconds(TRAINING_TIMEOUT.total_seconds())
        on_demand = self._job("TrainContender", TrainingJob.CONTENDER, fields, timeout=timeout)
        on_spot = self._job("TrainOnSpot", TrainingJob.CONTENDER, fields, timeout=timeout, spot=True)
        choose_capacity = sfn.Choice(self, "Spot?")
        choose_capacity.when(sfn.Condition.boolean_equals("$.plan.spot", True), on_spot).otherwise(on_demand)
        ended_by_itself = sfn.Choice(self, "EndedByItself?")
        ended_by_itself.when(
            sfn.Condition.or_(
                sfn.Condition.string_equals("$.failure.Error", "States.Timeout"),
                sfn.Condition.string_matches("$.failure.Cause", "*EssentialContainerExited*"),
            ),
            self._fail("TrainingFailed"),
        ).otherwise(on_demand)
        on_spot.add_catch(ended_by_itself, result_path="$.failure")
        return choose_capacity

    def _evaluate(self) -> tasks.EcsRunTask:
        return self._job("Evaluate", TrainingJob.EVALUATE, {}, timeout=EVALUATION_TIMEOUT)

    def _job(
        self, name: str, job: TrainingJob, fields: Mapping[Variable, str], *, timeout: Duration, spot: bool = False
    ) -> tasks.EcsRunTask:
        environment = {Variable.PLAN_URI: "$.plan.plan_uri", Variable.ROUND: "$.plan.round.number", **fields}
        state = tasks.EcsRunTask(
            self,
            name,
            integration_pattern=sfn.IntegrationPattern.RUN_JOB,
            cluster=self._cluster,
            task_definition=self._task_definition,
            launch_target=tasks.EcsFargateLaunchTarget(
                platform_version=ecs.FargatePlatformVersion.LATEST, capacity_provider_options=_SPOT if spot else None
            ),
            assign_public_ip=True,  # the way to the image registry, without a NAT gateway
            cpu=sfn.JsonPath.string_at("$.plan.cpu"),
            memory_mib=sfn.JsonPath.string_at("$.plan.memory"),
            container_overrides=[
                tasks.ContainerOverride(
                    container_definition=self._container,
                    environment=[
                        tasks.TaskEnvironmentVariable(name=str(Variable.JOB), value=str(job)),
                        *(
                            tasks.TaskEnvironmentVariable(name=str(key), value=sfn.JsonPath.string_at(path))
                            for key, path in environment.items()
                        ),
                    ],
                )
            ],
            task_timeout=sfn.Timeout.duration(timeout),
            result_path=sfn.JsonPath.DISCARD,
        )
        # No capacity, throttling. A training that ran and failed would fail again.
        state.add_retry(
            errors=["ECS.AmazonECSException", "ECS.ServerException"],
            interval=Duration.seconds(30),
            max_attempts=1 if spot else 3,
            backoff_rate=2,
        )
        return state


def _json_paths(**fields: str) -> dict[str, str]:
    return {name: sfn.JsonPath.string_at(path) for name, path in fields.items()}


def _next_is(name: str) -> sfn.Condition:
    return sfn.Condition.string_equals("$.rollout.next", name)


_SPOT = tasks.CapacityProviderOptions.custom(
    [ecs.CapacityProviderStrategy(capacity_provider="FARGATE_SPOT", weight=1)]
)
_MODEL = _json_paths(model="$.model")
_DECISION = _json_paths(model="$.model", decision_id="$.decision_id")
_PLAN_URI = _json_paths(plan_uri="$.plan.plan_uri")
_ROUND = _json_paths(round="$.plan.round.number")
_VERSION = _json_paths(version="$.registered.version")
_EXPECTED_CHAMPION = _json_paths(expected_champion="$.registered.expected_champion")
_FUNCTION_VERSION = _json_paths(function_version="$.published.function_version")
_PREVIOUS_FUNCTION_VERSION = _json_paths(previous_function_version="$.published.previous_function_version")
_ROLLOUT = {"rollout": sfn.JsonPath.object_at("$.rollout")}
_VERDICT = _json_paths(sentence="$.gate.sentence")
_FAILURE = _json_paths(error="$.failure.Error", cause="$.failure.Cause")
