"""What exploring a share of predictions gives, where a label depends on what was predicted.

python -m bench.exploration

Loans, 1,000 asked for each week, of which the half with the lowest predicted risk is granted; only what is granted
can fail, so only of that a label comes. After week 20 something changes among those who are refused. The model is
retrained each week on all labels of the last twenty. Writes `bench/results/exploration.md`.
"""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from evertrain.conversion.fitting import fit
from evertrain.statistics.label_weights import label_weights

RESULTS = Path(__file__).parent / "results"
WEEKS, CHANGED, WINDOW, ROWS, SEEDS = 60, 20, 20, 1_000, range(3)
FEATURES = ["income", "debt", "region"]

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """`learns_weighted`: weights go into training; into scores they always do where there is exploration."""

    name: str
    share: float = 0.0
    learns_weighted: bool = False
    all_labels: bool = False


ARMS = (
    Arm(name="every label, whatever was done", all_labels=True),
    Arm(name="no exploration"),
    Arm(name="5 % explored, weights in scores", share=0.05),
    Arm(name="5 % explored, weights in scores and training", share=0.05, learns_weighted=True),
)

ESTIMATORS = {
    "boosting": lambda: HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8, random_state=0),
    "linear": lambda: LogisticRegression(max_iter=1_000),
}


def one_region_improves(frame: pd.DataFrame, week: int) -> pd.Series:
    """Log odds of failing: a region that was refused pays back like the best."""
    in_region = frame["region"] == 2
    return -1 - frame["income"] + frame["debt"] + np.where(in_region, -1.0 if week >= CHANGED else 2.0, 0.0)


def debt_turns_good(frame: pd.DataFrame, week: int) -> pd.Series:
    """Log odds of failing: of the poor, who are mostly refused, those with debts become the better ones. No linear
    model is right about both the poor and the rich."""
    of_the_poor = (-1.5 if week >= CHANGED else 1.5) * frame["debt"]
    return -1 - 2 * frame["income"] + np.where(frame["income"] < 0, of_the_poor, frame["debt"])


CHANGES = {"a refused region improves": one_region_improves, "debt turns good for the poor": debt_turns_good}


def run(arm: Arm, change: str, estimator: str, seed: int) -> tuple[float, float]:
    """Mean over the last twenty weeks: ROC AUC of all who asked, and how far it is told wrongly by those with a
    label."""
    rng = np.random.default_rng(seed)
    weeks: list[pd.DataFrame] = []
    model, aucs, misses = None, [], []
    for week in range(WEEKS):
        frame = pd.DataFrame(
            {"income": rng.normal(size=ROWS), "debt": rng.normal(size=ROWS), "region": rng.integers(0, 3, ROWS)}
        )
        failed = (rng.random(ROWS) < 1 / (1 + np.exp(-CHANGES[change](frame, week)))).astype(float)
        risk = rng.random(ROWS) if model is None else model.predict_proba(frame[FEATURES])[:, 1]
        explored = rng.random(ROWS) < arm.share
        granted = (risk <= np.median(risk)) | explored | arm.all_labels
        asked = frame.assign(failed=failed, risk=risk, explored=explored, labelled=granted)
        if week >= WEEKS - 20:
            told, weights = asked[granted], _weights(asked, share=arm.share)[granted] if arm.share else None
            aucs.append(roc_auc_score(failed, risk))
            misses.append(abs(roc_auc_score(told["failed"], told["risk"], sample_weight=weights) - aucs[-1]))
        weeks = [*weeks, asked][-WINDOW:]
        rows = pd.concat(weeks)
        labelled = rows["labelled"].to_numpy()
        weights = _weights(rows, share=arm.share)[labelled] if arm.learns_weighted else None
        model = ESTIMATORS[estimator]()
        fit(model, rows.loc[labelled, FEATURES], rows.loc[labelled, "failed"].to_numpy(), weights)
    return float(np.mean(aucs)), float(np.mean(misses))


def _weights(asked: pd.DataFrame, *, share: float) -> Numbers:
    return label_weights(
        asked["risk"].to_numpy(),
        explored=asked["explored"].to_numpy(),
        shares=np.full(len(asked), share),
        labelled=asked["labelled"].to_numpy(),
    )


def main() -> None:
    lines = [
        "# Exploring where labels depend on predictions",
        "",
        f"`python -m bench.exploration`: loans, {ROWS:,} asked for each week, the half with the lowest predicted "
        f"risk granted, the model retrained each week. After week {CHANGED} something changes among the refused. "
        f"Mean of weeks {WEEKS - 19} to {WEEKS} over {len(SEEDS)} histories. *ROC AUC*: over all who asked, granted "
        "or not. *Told wrongly*: mean difference between that and ROC AUC over a week's labelled rows, weighted "
        "where some are explored.",
        "",
        "| change | estimator | labels | ROC AUC | told wrongly by |",
        "|---|---|---|---|---|",
    ]
    for change, estimator, arm in product(CHANGES, ESTIMATORS, ARMS):
        auc, miss = np.mean([run(arm, change, estimator, seed) for seed in SEEDS], axis=0)
        lines.append(f"| {change} | {estimator} | {arm.name} | {auc:.3f} | {miss:.3f} |")
    (RESULTS / "exploration.md").write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
