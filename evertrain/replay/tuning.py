"""Would other settings of the declared policy have done better? Searched on the first part of a history, shown on the
rest, which the search has not seen.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from evertrain.adapters.project.files import InvalidProject, load_project, model_path
from evertrain.domain.project.metric import ModelMetric
from evertrain.replay.differences import Difference, difference_between
from evertrain.replay.history import InvalidHistory
from evertrain.replay.policies import DECLARED
from evertrain.replay.result import PolicyResult
from evertrain.replay.run import Request, prepare, run_backtest
from evertrain.replay.settings import Setting, other_settings

MIN_BATCHES = 20
"""With a model, in either part: fewer tell nothing of a policy."""

MIN_COVERAGE = 0.95
"""Of the batches on which there is a model as declared: so many another setting has to have one on."""

COMBINED = 2
"""Trials of several settings at once, of those that were better by themselves."""

AS_DECLARED = Setting()

OnProgress = Callable[[Setting, int, int], None]
"""Called with a setting, how many batches of its replay are done, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """`metric`: None where it never came to a model. `difference`: from what is declared, on the part that was
    searched on; higher is better."""

    setting: Setting
    metric: float | None
    difference: Difference
    retrains: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """On the batches that the search has not seen: the metric and the retrainings of what is declared and of what was
    chosen, and their difference; higher is better."""

    declared: float
    chosen: float
    difference: Difference
    declared_retrains: int
    chosen_retrains: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """`trials`: the best first. `proof`: None where nothing is better than what is declared. `text`: the model.toml
    with what was chosen."""

    metric: ModelMetric
    searched: int
    unseen: int
    trials: tuple[Trial, ...]
    chosen: Setting
    proof: Proof | None
    text: str

    @property
    def is_confirmed(self) -> bool:
        """Whether the batches that the search has not seen say so, too: it is better on them by more than a standard
        error, or no worse for fewer retrainings."""
        proof = self.proof
        if proof is None:
            return False
        is_cheaper = proof.chosen_retrains < proof.declared_retrains
        gain = proof.difference
        return gain.value > gain.standard_error or (is_cheaper and gain.value >= 0)

    @property
    def answer(self) -> str:
        tried = len(self.trials) - 1
        if self.proof is None:
            return (
                f"Keep what is declared: of {tried} other settings none was better by more than a standard error on "
                f"the first {self.searched} batches, or as good for fewer retrainings."
            )
        proof = self.proof
        low, high = proof.difference.interval
        measured = (
            f"{self.metric} {'better' if proof.difference.value > 0 else 'worse'} by "
            f"{abs(proof.difference.value):.4f} [{low:.4f}, {high:.4f}] ({proof.chosen:.4f} against "
            f"{proof.declared:.4f}) on the {self.unseen} batches that the search has not seen, for "
            f"{proof.chosen_retrains} retrainings instead of {proof.declared_retrains}"
        )
        if self.is_confirmed:
            clearly = "" if low > 0 else "; chance is not ruled out"
            return f"{self.chosen} would have been better: {measured}{clearly}."
        return (
            f"Keep what is declared: {self.chosen} was the best of {tried} on the first {self.searched} batches, and "
            f"the rest does not confirm it: {measured}."
        )


def tune(
    request: Request, *, trials: int, unseen_share: float, workers: int, kept_in: Path, on_progress: OnProgress
) -> Tuning:
    """`trials`: replays of the first part at most. Raises what `prepare` raises."""
    prepared = prepare(request)
    steps = len(prepared.history.steps)
    searched = round(steps * (1 - unseen_share))
    metric, text = (
        prepared.history.spec.metric,
        model_path(request.project, request.model).read_text(encoding="utf-8"),
    )

    def replay(settings: Sequence[Setting], batches: int) -> list[PolicyResult]:
        def one(setting: Setting) -> PolicyResult:
            asked = replace(request, model_text=setting.written_into(text), first_batches=batches)
            found = run_backtest(
                asked,
                prepare(asked),
                (DECLARED,),
                workers=1,
                kept_in=kept_in,
                on_progress=lambda _, done: on_progress(setting, done, batches),
            )
            return found.results[0]

        with ThreadPoolExecutor(workers) as pool:  # each replay is a process of its own
            return list(pool.map(one, settings))

    proposed = _usable(request, text, other_settings(prepared.history.spec, batch=prepared.history.batch))
    settings = list(islice(proposed, max(1, trials - 1 - COMBINED)))
    declared, *results = replay([AS_DECLARED, *settings], searched)
    _require_enough(declared, range(searched), "to search on", steps=steps)
    found = [_trial(each, result, declared, metric) for each, result in zip(settings, results, strict=True)]
    combined = list(_usable(request, text, _combinations(found)))[:COMBINED]
    found += [
        _trial(each, result, declared, metric)
        for each, result in zip(combined, replay(combined, searched), strict=True)
    ]
    as_declared = _trial(AS_DECLARED, declared, declared, metric)
    chosen = choose(found, as_declared)
    proof = None
    if chosen is not AS_DECLARED:
        of_declared, of_chosen = replay([AS_DECLARED, chosen], steps)
        rest = range(searched, steps)
        _require_enough(of_declared, rest, "to show it on", steps=steps)
        proof = _proof(of_declared, of_chosen, rest, metric)
    return Tuning(
        metric=metric,
        searched=searched,
        unseen=steps - searched,
        trials=tuple(sorted([as_declared, *found], key=_rank)),
        chosen=chosen,
        proof=proof,
        text=chosen.written_into(text),
    )


def choose(trials: Sequence[Trial], declared: Trial) -> Setting:
    """The best of those that are better than what is declared by more than a standard error; else the one with the
    fewest retrainings that is no worse; else what is declared. One without a model for longer is not comparable."""
    least = MIN_COVERAGE * declared.difference.batches
    trials = [each for each in trials if each.difference.batches >= least]
    better = [each for each in trials if each.difference.value > each.difference.standard_error]
    if better:
        return max(better, key=lambda each: each.difference.value).setting
    cheaper = [each for each in trials if each.difference.value >= 0 and each.retrains < declared.retrains]
    return min(cheaper, key=lambda each: each.retrains).setting if cheaper else AS_DECLARED


def _combinations(trials: Sequence[Trial]) -> list[Setting]:
    """The two, then three, best settings at once, that are each better by more than a standard error."""
    better = [each for each in sorted(trials, key=_rank) if each.difference.value > each.difference.standard_error]
    together, found = Setting(), []
    for each in better:
        if together.keys & each.setting.keys:
            continue
        together += each.setting
        found.append(together)
    return found[1:]


def _usable(request: Request, text: str, settings: Iterable[Setting]) -> list[Setting]:
    """Those that differ from what is declared, and from each other, and may be declared."""
    seen = [load_project(request.project).models[request.model]]
    found = []
    for setting in settings:
        try:
            texts = {request.model: setting.written_into(text)}
            spec = load_project(request.project, model_texts=texts).models[request.model]
        except InvalidProject:
            continue
        if spec not in seen:
            seen.append(spec)
            found.append(setting)
    return found


def _trial(setting: Setting, result: PolicyResult, declared: PolicyResult, metric: ModelMetric) -> Trial:
    batches = range(len(result.metric_by_batch))
    return Trial(
        setting=setting,
        metric=result.metric,
        difference=difference_between(result, declared, batches, metric),
        retrains=result.retrains,
    )


def _rank(trial: Trial) -> float:
    return -trial.difference.value


def _proof(declared: PolicyResult, chosen: PolicyResult, rest: range, metric: ModelMetric) -> Proof:
    """Raises InvalidHistory."""
    several = list(zip(declared.metric_by_batch, chosen.metric_by_batch, strict=True))
    of_both = [number for number in rest if None not in several[number]]
    before, after = declared.mean_over(of_both), chosen.mean_over(of_both)
    if before is None or after is None:
        raise InvalidHistory("what was chosen has no model on the batches that the search has not seen")
    return Proof(
        declared=before,
        chosen=after,
        difference=difference_between(chosen, declared, rest, metric),
        declared_retrains=declared.retrains_among(rest),
        chosen_retrains=chosen.retrains_among(rest),
    )


def _require_enough(declared: PolicyResult, batches: range, what: str, *, steps: int) -> None:
    """Raises InvalidHistory."""
    there = sum(declared.metric_by_batch[number] is not None for number in batches)
    if there < MIN_BATCHES:
        raise InvalidHistory(
            f"{there} of the {len(batches)} batches {what} have a model and labels, {MIN_BATCHES} are the least: "
            f"{steps} batches are too short a history, or the policy as declared comes to no model in them"
        )
