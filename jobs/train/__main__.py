"""`python -m jobs.train`: the state machine names the work by environment variables, a person by arguments.

python -m jobs.train contender --plan s3://…/plan.json --window 28d
python -m jobs.train evaluate --plan s3://…/plan.json
"""

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence

from evertrain.domain.errors import EvertrainError

logger = logging.getLogger("jobs.train")


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """The exit code: 1 with one sentence on stderr where the work cannot be done."""
    asked = _parse(arguments, environment)
    # Each imports only what it needs: scikit-learn alone takes longer than judging a model.
    try:
        if asked.job == "contender":
            _train(asked.plan, asked.window)
        else:
            _evaluate(asked.plan)
    except EvertrainError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _train(plan_uri: str, window: str) -> None:
    from jobs.train.contender import train_contender  # noqa: PLC0415

    contender = train_contender().run(plan_uri, window)
    logger.info(
        "contender_trained window=%s rows=%d metric=%s validation=%.4f parity=%.1e seconds=%.2f artifact=%s %s",
        contender.window.name,
        contender.rows,
        contender.validation.metric,
        contender.validation.value,
        contender.parity,
        contender.training_seconds,
        contender.artifact_uri,
        " ".join(f"{name}={version}" for name, version in contender.library_versions.items()),
    )


def _evaluate(plan_uri: str) -> None:
    from jobs.train.evaluation import evaluate_contenders  # noqa: PLC0415

    evaluation = evaluate_contenders().run(plan_uri)
    champion = evaluation.champion_score
    logger.info(
        "contenders_evaluated window=%s rows=%d metric=%s contender=%.4f champion=%s difference=%s",
        evaluation.chosen.window.name,
        evaluation.gate_rows,
        evaluation.contender_score.metric,
        evaluation.contender_score.value,
        f"{champion.value:.4f}" if champion else "none",
        "none" if evaluation.difference is None else f"{evaluation.difference:+.4f}",
    )


def _parse(arguments: Sequence[str], environment: Mapping[str, str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m jobs.train", description=(__doc__ or "").splitlines()[0])
    jobs = parser.add_subparsers(dest="job", required=True)
    contender = jobs.add_parser("contender", help="train on one window of a plan")
    evaluate = jobs.add_parser("evaluate", help="judge the best contender against the champion")
    for job in (contender, evaluate):
        _option(job, "--plan", environment.get("PLAN_URI"), "URI of the plan (or PLAN_URI)")
    _option(contender, "--window", environment.get("WINDOW"), "the window's name, such as 28d (or WINDOW)")
    named = environment.get("EVERTRAIN_JOB")
    return parser.parse_args([named] if named and not arguments else list(arguments))


def _option(job: argparse.ArgumentParser, name: str, default: str | None, text: str) -> None:
    job.add_argument(name, default=default, required=not default, help=text)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    sys.exit(main(sys.argv[1:], os.environ))
