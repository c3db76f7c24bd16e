"""One step of a retraining's life, as the state machine asks. Payloads: docs/interfaces.md, state by state."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from evertrain.adapters.aws.logs import configure_logging
from evertrain.adapters.aws.sqs_events import required_text
from evertrain.adapters.aws.steps import Payload, Step, run_step
from evertrain.domain.deciding.decisions import BESIDE, LEASE_DURATION, ROLLS_OUT, Decision
from evertrain.domain.deployment.steps import LifecycleStep
from evertrain.domain.events import EventName
from evertrain.domain.project.duration import format_duration
from evertrain.domain.release.rollout import RolloutPlan
from evertrain.domain.training.candidates import Round
from evertrain.domain.training.outcomes import classify_failure
from evertrain.domain.training.rounds import TRAINING_TIMEOUT, count_waves
from evertrain.ports.decisions import LeaseHeld
from evertrain.use_cases.training.finish_retraining import describe_failure, require_decision_to_retrain
from lambdas.lifecycle import wiring

logger = logging.getLogger(__name__)
configure_logging()


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return run_step(event, STEPS)


def acquire_lease(payload: Payload) -> dict[str, Any]:
    model, decision_id = required_text(payload, "model"), required_text(payload, "decision_id")
    decision = _require_open(model, decision_id)
    wiring.leases().acquire(
        model,
        decision_id=decision_id,
        execution=required_text(payload, "execution"),
        duration=LEASE_DURATION + _steps_of(model, decision),
    )
    logger.info("lease_acquired model=%s decision=%s", model, decision_id)
    # A version that is only to be rolled out is registered already; it may replace whoever was champion then.
    return {
        "version": str(decision.evidence.get(ROLLS_OUT, "")),
        "expected_champion": str(decision.evidence.get(BESIDE, "")) or None,
        "sentence": decision.sentence,
    }


def _steps_of(model: str, decision: Decision) -> timedelta:
    """How long a version takes that is rolled out as it is; of others that is known when they are planned."""
    version = decision.evidence.get(ROLLS_OUT)
    if not version:
        return timedelta()
    plan = wiring.runs().plan(wiring.registry().version(model, str(version)).plan_uri)
    return RolloutPlan.of(plan.spec.rollout, is_alone=False, bake=wiring.bake()).duration


def make_plan(payload: Payload) -> dict[str, Any]:
    model, decision_id = required_text(payload, "model"), required_text(payload, "decision_id")
    _require_open(model, decision_id)
    planned = wiring.plan_retraining().run(model, decision_id)
    plan = planned.plan
    # The lease was taken for one wave of containers. What spot capacity lost may take as long again.
    spot = plan.spec.training.spot
    longer = LEASE_DURATION + (count_waves(plan) * (2 if spot else 1) - 1) * TRAINING_TIMEOUT
    longer += RolloutPlan.of(plan.spec.rollout, is_alone=plan.champion_version is None, bake=wiring.bake()).duration
    gate_policy = plan.spec.gate
    if gate_policy.approval:
        longer += gate_policy.approval_timeout
    wiring.leases().acquire(
        model, decision_id=decision_id, execution=required_text(payload, "execution"), duration=longer
    )
    logger.info(
        "planned model=%s decision=%s candidates=%s watermark=%s cpu=%d memory=%d",
        model,
        decision_id,
        ",".join(candidate.name for candidate in plan.candidates),
        plan.watermark.isoformat(),
        plan.task_size.cpu,
        plan.task_size.memory_mib,
    )
    return {
        "plan_uri": planned.plan_uri,
        "round": _round(planned.round),
        "concurrency": plan.spec.training.search.concurrency,
        "spot": spot,
        "cpu": str(plan.task_size.cpu),
        "memory": str(plan.task_size.memory_mib),
        "approval": {
            "is_needed": gate_policy.approval,
            "timeout": format_duration(gate_policy.approval_timeout),
            "timeout_seconds": int(gate_policy.approval_timeout.total_seconds()),
        },
    }


def narrow(payload: Payload) -> dict[str, Any]:
    return _round(
        wiring.next_halving_round().run(required_text(payload, "plan_uri"), int(required_text(payload, "round")))
    )


def _round(current_round: Round) -> dict[str, Any]:
    # The number as text: it becomes an environment variable of the container.
    return {
        "number": str(current_round.number),
        "candidates": list(current_round.candidates),
        "is_last": current_round.is_last,
    }


def gate(payload: Payload) -> dict[str, Any]:
    plan_uri = required_text(payload, "plan_uri")
    verdict = wiring.gate_contender().run(plan_uri)
    logger.info("gate_judged plan=%s passed=%s reason=%s", plan_uri, verdict.passed, verdict.reason)
    return {"passed": verdict.passed, "reason": verdict.reason.value, "sentence": verdict.sentence}


def register(payload: Payload) -> dict[str, Any]:
    plan_uri = required_text(payload, "plan_uri")
    registered = wiring.register_version().run(plan_uri)
    version = registered.version
    logger.info("registered model=%s version=%s status=%s", version.model, version.version, version.status)
    return {"version": version.version, "expected_champion": registered.expected_champion}


def ask_for_approval(payload: Payload) -> dict[str, Any]:
    """The answer is a person's, and comes by the token."""
    approval = wiring.ask_for_approval().run(
        required_text(payload, "plan_uri"),
        required_text(payload, "version"),
        token=required_text(payload, "task_token"),
    )
    logger.info(
        "approval_asked model=%s version=%s until=%s",
        approval.model,
        approval.version,
        approval.expires_at.isoformat(timespec="seconds"),
    )
    return {}


def finish(payload: Payload) -> dict[str, Any]:
    model, decision_id = required_text(payload, "model"), required_text(payload, "decision_id")
    name = required_text(payload, "outcome")
    # Registering is not reached by every retraining, and only a failed one has an error.
    error, cause = payload.get("error") or "", payload.get("cause") or ""
    sentence = payload.get("sentence") or ""
    if error or cause:
        by_container = wiring.runs().failure(model, decision_id) if error == "States.TaskFailed" else None
        sentence = describe_failure(*(("", by_container) if by_container else (error, cause)))
        name = classify_failure(sentence) if name == EventName.RETRAIN_FAILED else name
    outcome = wiring.finish_retraining().run(
        model=model,
        decision_id=decision_id,
        name=name,
        version=payload.get("version") or "",
        sentence=sentence,
    )
    logger.info(
        "finished model=%s decision=%s outcome=%s version=%s sentence=%r",
        model,
        decision_id,
        name,
        outcome.version,
        outcome.sentence,
    )
    return {"outcome": outcome.name.value}


STEPS: Mapping[str, Step] = {
    LifecycleStep.ACQUIRE_LEASE: acquire_lease,
    LifecycleStep.PLAN: make_plan,
    LifecycleStep.NARROW: narrow,
    LifecycleStep.GATE: gate,
    LifecycleStep.REGISTER: register,
    LifecycleStep.ASK_FOR_APPROVAL: ask_for_approval,
    LifecycleStep.FINISH: finish,
}


def _require_open(model: str, decision_id: str) -> Decision:
    """The event may be made up, or come once more after the retraining has ended and its lease is free again.

    Raises UnknownDecision, LeaseHeld.
    """
    decision = require_decision_to_retrain(wiring.decisions(), model, decision_id)
    if wiring.decisions().outcome_of(model, decision_id) is not None:
        raise LeaseHeld(f"the retraining of {model} by decision {decision_id} has ended already")
    return decision
