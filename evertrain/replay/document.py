"""A backtest as a document, the same for the command's `--json` and for Python."""

from typing import Any

from evertrain.domain.deciding.decisions import Reason
from evertrain.replay.comparison import Backtest
from evertrain.replay.differences import Difference
from evertrain.replay.result import BatchDecision, PolicyResult


def backtest_document(found: Backtest) -> dict[str, Any]:
    """What JSON can hold: the answer, the batches, and each policy by its name."""
    return {
        "answer": found.answer,
        "model": found.model,
        "metric_name": found.metric_name,
        "batches": [
            {"start": start.isoformat(), "labelled_rows": rows}
            for start, rows in zip(found.starts, found.rows, strict=True)
        ],
        "scored_batches": list(found.scored),
        "policies": {result.policy: _policy(result, found.gains.get(result.policy)) for result in found.results},
    }


def _policy(result: PolicyResult, gain: Difference | None) -> dict[str, Any]:
    return {
        "metric": result.metric,
        "gain_over_never": None if gain is None else _gain(gain),
        "regret": result.regret,
        "metric_name": result.metric_name,
        "metric_by_batch": list(result.metric_by_batch),
        "retrains": result.retrains,
        "promotions": result.promotions,
        "rejections": result.rejections,
        "holds": result.holds,
        "escalations": result.escalations,
        "quarantined": list(result.quarantined),
        "drifted": list(result.drifted),
        "doubted": list(result.doubted),
        "decisions": [_decision(each) for each in result.decisions if each.reason != Reason.NOTHING_TO_DO.value],
        "fits": result.fits,
        "fit_seconds": round(result.fit_seconds, 3),
        "seconds": round(result.seconds, 3),
    }


def _gain(gain: Difference) -> dict[str, float | None]:
    low, high = gain.known_interval
    return {"value": gain.value, "low": low, "high": high}


def _decision(decision: BatchDecision) -> dict[str, Any]:
    return {
        "batch": decision.batch,
        "at": decision.at.isoformat(),
        "action": decision.action,
        "reason": decision.reason,
        "sentence": decision.sentence,
        "cause": decision.cause,
        "features": list(decision.features),
        "outcome": decision.outcome,
        "outcome_sentence": decision.outcome_sentence,
        "version": decision.version,
    }
