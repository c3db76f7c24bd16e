"""`python -m jobs.train`: the state machine names the work by environment variables, a person by arguments.

python -m jobs.train contender --plan s3://…/plan.json --candidate 28d --round 1
python -m jobs.train evaluate --plan s3://…/plan.json --round 1
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from evertrain.domain.deployment.steps import TrainingJob
from evertrain.domain.deployment.variables import Variable
from evertrain.domain.errors import EvertrainError
from jobs.train import wiring

logger = logging.getLogger("jobs.train")


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """The exit code: 1 with one sentence on stderr where the work cannot be done."""
    options = parse(arguments, environment)
    # Each imports only what it needs: scikit-learn alone takes longer than judging a model.
    try:
        if options.job == TrainingJob.CONTENDER:
            _train(options.plan, options.candidate, options.round)
        else:
            _evaluate(options.plan, options.round)
    except EvertrainError as error:
        sentence = f"{type(error).__name__}: {error}"
        print(sentence, file=sys.stderr)
        _record_failure(options.plan, sentence)
        return 1
    return 0


def _record_failure(plan_uri: str, sentence: str) -> None:
    """Records the failure for the retraining's outcome. Best effort: the plan or the store may be what failed."""
    with suppress(Exception):
        runs = wiring.runs()
        runs.put_failure(runs.plan(plan_uri), sentence)


def _train(plan_uri: str, candidate: str, round_number: int) -> None:
    from jobs.train.contender import train_contender  # noqa: PLC0415

    trial = train_contender().run(plan_uri, candidate, round_number)
    if trial.validation is None:
        logger.info("candidate_unusable candidate=%s reason=%r", candidate, trial.unusable)
        return
    logger.info(
        "candidate_tried candidate=%s round=%d rows=%d metric=%s validation=%.4f",
        candidate,
        round_number,
        trial.rows,
        trial.validation.metric,
        trial.validation.value,
    )


def _evaluate(plan_uri: str, round_number: int) -> None:
    from jobs.train.evaluation import evaluate_contenders  # noqa: PLC0415

    evaluation = evaluate_contenders().run(plan_uri, round_number)
    champion = evaluation.champion_score
    logger.info(
        "contenders_evaluated candidate=%s rows=%d metric=%s contender=%.4f champion=%s difference=%s",
        evaluation.chosen.candidate.name,
        evaluation.gate_rows,
        evaluation.contender_score.metric,
        evaluation.contender_score.value,
        f"{champion.value:.4f}" if champion else "none",
        "none" if evaluation.difference is None else f"{evaluation.difference:+.4f}",
    )


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m jobs.train", description=(__doc__ or "").splitlines()[0])
    jobs = parser.add_subparsers(dest="job", required=True)
    contender = jobs.add_parser(TrainingJob.CONTENDER, help="try one candidate of a plan")
    evaluate = jobs.add_parser(TrainingJob.EVALUATE, help="judge the best contender against the champion")
    for job in (contender, evaluate):
        _add_option(job, "--plan", environment.get(Variable.PLAN_URI), "URI of the plan (or PLAN_URI)")
        _add_option(job, "--round", environment.get(Variable.ROUND), "number of the round (or ROUND)", kind=int)
    _add_option(contender, "--candidate", environment.get(Variable.CANDIDATE), "its name, such as 28d (or CANDIDATE)")
    named = environment.get(Variable.JOB)
    return parser.parse_args([named] if named and not arguments else list(arguments))


def _add_option(
    job: argparse.ArgumentParser, name: str, default: str | None, text: str, kind: Callable[[str], object] = str
) -> None:
    job.add_argument(name, default=default, required=not default, help=text, type=kind)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    sys.exit(main(sys.argv[1:], os.environ))
