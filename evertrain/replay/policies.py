"""The policies that a history is replayed with, by name."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from evertrain.domain.errors import EvertrainError
from evertrain.replay.estimators import MakeEstimator
from evertrain.replay.history import History, Step
from evertrain.replay.loop import ReplayedLoop
from evertrain.replay.plain import Adwin, EveryBatch, Never, Periodic, PlainReplay, Rule
from evertrain.replay.result import PolicyResult, Recorder

DECLARED, NEVER = "declared", "never"
"""The model's own, as a stage would follow it."""

PERIOD = 16
"""Batches between the trainings of `periodic`: six of a hundred."""

_RULES: dict[str, Callable[[], Rule]] = {
    "never": Never,
    "every_batch": EveryBatch,
    "adwin": Adwin,
    "periodic": lambda: Periodic(PERIOD),
}

POLICIES = (DECLARED, NEVER, "periodic", "every_batch", "adwin")
"""What is compared by default."""


class UnknownPolicy(EvertrainError):
    """There is no policy of this name."""

    exit_status = 2


def require_known(policy: str) -> None:
    """Raises UnknownPolicy."""
    if policy != DECLARED:
        _rule(policy)


def replay(
    history: History,
    policy: str,
    *,
    make_estimator: MakeEstimator,
    seed: int,
    start: int,
    on_step: Callable[[Step], None],
    root: Path = Path(),
) -> PolicyResult:
    """`root`: of the project, which has the model's own code. `start`: the number of the first step in which
    anything is decided. Raises UnknownPolicy."""
    recorder = Recorder(history=history)
    began = perf_counter()
    one: ReplayedLoop | PlainReplay
    if policy == DECLARED:
        one = ReplayedLoop(
            history=history, make_estimator=make_estimator, recorder=recorder, root=root, start=start, seed=seed
        )
    else:
        one = PlainReplay(
            history=history,
            make_estimator=make_estimator,
            recorder=recorder,
            rule=_rule(policy),
            start=start,
            seed=seed,
            timer=perf_counter,
        )
    for step in history.steps:
        one.step(step)
        on_step(step)
    return recorder.result(policy, seconds=perf_counter() - began)


def _rule(policy: str) -> Rule:
    name, _, period = policy.partition(":")
    if name == "periodic" and period.isdigit() and int(period) > 0:
        return Periodic(int(period))
    if period or name not in _RULES:
        raise UnknownPolicy(
            f"there is no policy {policy}; known are {', '.join(POLICIES)}, and periodic:N for every N batches"
        )
    return _RULES[name]()
