"""Rounds of candidates: one for a grid, several for successive halving; and the choice among them."""

from collections.abc import Sequence
from datetime import timedelta

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.policies import SearchMethod
from evertrain.domain.training.candidates import Candidate, Round
from evertrain.domain.training.evaluation import Contender, Score, Trial
from evertrain.domain.training.plan import TrainingPlan


class NothingToChoose(EvertrainError):
    """No candidate of a round could be trained."""


HALVING_FACTOR = 3


TRAINING_TIMEOUT = timedelta(minutes=100)
"""Of one container. Containers run in waves, of as many as the model's concurrency allows."""


def first_round(plan: TrainingPlan) -> Round:
    """A grid has a single round. Successive halving begins with many candidates on few rows, and ends with few
    candidates on all rows."""
    candidates = tuple(candidate.name for candidate in plan.candidates)
    stride = 1
    if plan.spec.training.search.method is SearchMethod.HALVING:
        while stride * HALVING_FACTOR <= len(candidates):
            stride *= HALVING_FACTOR
    return Round(number=1, stride=stride, candidates=candidates)


def count_waves(plan: TrainingPlan) -> int:
    """How many waves of containers the plan's rounds take."""
    first = first_round(plan)
    candidates, stride, waves = len(first.candidates), first.stride, 0
    while stride:
        waves += -(-candidates // plan.spec.training.search.concurrency)
        candidates, stride = max(1, candidates // HALVING_FACTOR), stride // HALVING_FACTOR
    return waves


def next_halving_round(trials: Sequence[Trial]) -> Round:
    """The better third of a round, on three times as many rows. Raises NothingToChoose."""
    current_round = trials[0].round
    scored = [(trial.candidate, trial.validation) for trial in trials if trial.validation is not None]
    if not scored:
        raise NothingToChoose(_all_unusable(trials))
    kept = max(1, len(current_round.candidates) // HALVING_FACTOR)
    best = sorted(scored, key=lambda each: selection_key(*each))[:kept]
    names = {candidate.name for candidate, _ in best}
    return Round(
        number=current_round.number + 1,
        stride=current_round.stride // HALVING_FACTOR,
        candidates=tuple(name for name in current_round.candidates if name in names),
    )


def best_contender(contenders: Sequence[Contender], unusable: Sequence[Trial] = ()) -> Contender:
    """The best on the validation slice; of equals, the one with the shortest window, which is the cheapest.

    `unusable`: the trials that gave no contender. Raises NothingToChoose where no other is left.
    """
    if not contenders:
        raise NothingToChoose(_all_unusable(unusable))
    return min(contenders, key=lambda contender: selection_key(contender.candidate, contender.validation))


def best_of_longest_window(contenders: Sequence[Contender]) -> Contender:
    """The best of those that learnt from the longest window: the one to keep, unless another is clearly better. One
    validation slice says little about which window is best, and more rows seldom hurt."""
    longest = max(_length(each.candidate) for each in contenders)
    return best_contender([each for each in contenders if _length(each.candidate) == longest])


def is_clearly_better(gain: float, *, standard_error: float) -> bool:
    """By more than two standard errors of the paired difference: several candidates compete, and the error of a few
    days is larger than it looks."""
    return gain > STANDARD_ERRORS_TO_CHOOSE * standard_error


STANDARD_ERRORS_TO_CHOOSE = 2.0


def wins_back(gain: float, *, lost: float, standard_error: float) -> bool:
    """For the first days after a change, which are too few to tell how days differ. A window since then is chosen
    where it makes good for half of what the change has cost, beyond what stretches of these days differ by: no day
    does that to a model.

    `lost`: what the metric was better by before the change. `standard_error`: of stretches of rows.
    """
    return gain >= lost / 2 and is_clearly_better(gain, standard_error=standard_error)


DAYS_TO_TELL = 3
"""With fewer nobody can say how much days differ."""


def selection_key(candidate: Candidate, score: Score) -> tuple[float, timedelta, str]:
    """A sort key: the smallest is chosen. The best score comes first; of equal scores, the shortest window."""
    value = -score.value if score.metric.higher_is_better else score.value
    return value, _length(candidate), candidate.name


def _length(candidate: Candidate) -> timedelta:
    return candidate.window.rows.end - candidate.window.rows.start


def _all_unusable(trials: Sequence[Trial]) -> str:
    return "no candidate could be trained: " + "; ".join(dict.fromkeys(trial.unusable for trial in trials))
