"""The steps that state machines ask of functions and containers. A state is named like its step, in PascalCase."""

from enum import StrEnum


class LifecycleStep(StrEnum):
    """`step` of the payload that `lambdas/lifecycle` gets."""

    ACQUIRE_LEASE = "acquire_lease"
    PLAN = "plan"
    NARROW = "narrow"
    GATE = "gate"
    REGISTER = "register"
    ASK_FOR_APPROVAL = "ask_for_approval"
    FINISH = "finish"


class RolloutStep(StrEnum):
    """`step` of the payload that `lambdas/rollout` gets."""

    PUBLISH = "publish"
    SMOKE_TEST = "smoke_test"
    SHIFT_ALIAS = "shift_alias"
    HEALTH_CHECK = "health_check"
    PROMOTE = "promote"
    ROLLBACK = "rollback"


class LargeBatchStep(StrEnum):
    """`step` of the payload that the monitor's function for large objects gets."""

    SPLIT = "split"
    CHECK_PART = "check_part"
    FINISH = "finish"


class ScoringStep(StrEnum):
    """`step` of the payload that the function gets that answers large files."""

    SPLIT = "split"
    SCORE_PART = "score_part"
    FINISH = "finish"


class TrainingJob(StrEnum):
    """What the training container is started for."""

    CONTENDER = "contender"
    EVALUATE = "evaluate"


class ApprovalAnswer(StrEnum):
    """`answer` that a person gives to a retraining that waits for one."""

    APPROVED = "approved"
    REJECTED = "rejected"


LIVE_ALIAS = "live"
"""The alias of a serving function that callers are answered by."""
