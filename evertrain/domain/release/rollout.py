"""A contender that passed the gate answers a growing share of the requests, step by step. Values; no I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.policies import RolloutPolicy
from evertrain.domain.release.registry import UNPUBLISHED_VERSION


class ContenderUnwell(EvertrainError):
    """The contender answers worse than the champion: it fails, is slow, or predicts what it should not."""


class RolloutInterrupted(EvertrainError):
    """Something else answers than this rollout has put there: a person has taken it back, or another one began."""


MAX_LOOKS = 20
"""At one step: a rollout of days must not become a story of thousands of states."""

SHORTEST_LOOK = timedelta(minutes=1)
"""Answers come to be known in files of a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPlan:
    """`shares`: of the requests, by step; 0 is a shadow, which is asked what callers ask and answers none of them."""

    shares: tuple[float, ...]
    bake: timedelta

    @classmethod
    def of(cls, policy: RolloutPolicy, *, is_alone: bool, bake: timedelta | None = None) -> "RolloutPlan":
        """`bake`: instead of the declared one. `is_alone`: a first model has nobody to be compared with, and callers
        wait for it; what answers already has only itself.

        >>> RolloutPlan.of(RolloutPolicy(), is_alone=True).shares
        (1.0,)
        """
        if is_alone:
            return cls(shares=(1.0,), bake=timedelta())
        return cls(shares=policy.steps, bake=policy.bake if bake is None else bake)

    @property
    def looks(self) -> int:
        """How often each step is looked at, at least."""
        return max(1, min(MAX_LOOKS, self.bake // SHORTEST_LOOK))

    @property
    def wait_seconds(self) -> int:
        """Before each look."""
        return ceil(self.bake.total_seconds() / self.looks)

    @property
    def duration(self) -> timedelta:
        return len(self.shares) * self.looks * timedelta(seconds=self.wait_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The one that is under way. `function_version`: the contender's; `champion`: that of who answers the rest,
    `$LATEST` for a first model. `share`: of the requests that the contender answers since `step_began_at`.
    """

    model: str
    version: str
    function_version: str
    champion: str
    share: float
    step_began_at: datetime

    @property
    def is_shadow(self) -> bool:
        return self.share == 0

    @property
    def is_alone(self) -> bool:
        """Nobody else answers beside it."""
        return self.champion in (UNPUBLISHED_VERSION, self.function_version)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUnderWay:
    """Where the state machine is. `look`: the next one at this step, from 1. `next`: what comes after a look."""

    number: int
    share: float
    look: int
    wait_seconds: int
    next: str = ""


LOOK_AGAIN, NEXT_STEP, PROMOTE = "look_again", "next_step", "promote"
