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
from time import sleep

from evertrain.adapters.aws.clients import CLOUD_FAULTS
from evertrain.adapters.aws.logs import configure_logging, describe_error
from evertrain.domain.deployment.steps import TrainingJob
from evertrain.domain.deployment.variables import Variable
from evertrain.domain.errors import EvertrainError
from evertrain.domain.training.evaluation import EstimatorFailed
from jobs.train import wiring

logger = logging.getLogger("jobs.train")

RETRY_PAUSES = (5, 20, 60)
"""Seconds before another try."""


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """The exit code: 1 where the work cannot be done, with one sentence on stderr and in the retraining's folder."""
    options = parse(arguments, environment)
    try:
        _run(options)
    except Exception as error:
        if not isinstance(error, EvertrainError) or isinstance(error, EstimatorFailed):
            # Where in whose code it was raised.
            logger.exception("job_failed job=%s plan=%s", options.job, options.plan)
        _tell_failure(options.plan, error)
        return 1
    return 0


def _run(options: argparse.Namespace) -> None:
    """Tried again here after a fault of the cloud: the state machine takes it for a model that can't be fitted."""
    for pause in RETRY_PAUSES:
        try:
            return _run_once(options)
        except CLOUD_FAULTS:
            logger.exception("job_repeated job=%s plan=%s seconds=%d", options.job, options.plan, pause)
            sleep(pause)
    return _run_once(options)


def _run_once(options: argparse.Namespace) -> None:
    # Each imports only what it needs: scikit-learn alone takes longer than judging a model.
    if options.job == TrainingJob.CONTENDER:
        _train(options.plan, options.candidate, options.round)
    else:
        _evaluate(options.plan, options.round)


def _tell_failure(plan_uri: str, error: Exception) -> None:
    """In one sentence, whatever it was: an exit code does not tell a model that can't be fitted from a cloud that is
    away. Recorded for the retraining's outcome as well as can be: the plan or the store may be what failed."""
    sentence = describe_error(error)
    with suppress(Exception):
        runs = wiring.runs()
        plan = runs.plan(plan_uri)
        if isinstance(error, EstimatorFailed):
            error = error.in_file(f"models/{plan.model}/estimator.py")
        sentence = describe_error(error, known_names=plan.spec.feature_names)
        runs.put_failure(plan, sentence)
    print(sentence, file=sys.stderr)


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
        "none" if evaluation.difference is None else f"{evaluation.difference.value:+.4f}",
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
    configure_logging()
    sys.exit(main(sys.argv[1:], os.environ))
