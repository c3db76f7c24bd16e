"""Labels that depend on what was done: how many rows a labelled one stands for.

A loan that is refused is never paid back, so labels are of those only that earlier models liked. Where some rows are
acted on whatever was predicted, every row has a known chance of a label, and one over that chance is its weight
(Horvitz and Thompson, J. Am. Stat. Assoc. 47, 1952).
"""

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MAX_CELLS = 1_000

ROWS_PER_CELL = 50
"""At least. A cell in which callers cross from acting to not acting is wrong about half of its rows, so they are
small; the share of one that has labels is then off by some hundredths. What only exploration labels is weighted by
the share that was logged, which is exact."""


def label_weights(predictions: Numbers, *, explored: Flags, shares: Numbers, labelled: Flags) -> Numbers:
    """Of each row one over its chance of a label; of rows without a label too, where it has no use.

    All of shape (rows,), and of all rows that were predicted. `predictions`: as they were answered. `shares`: the
    probability with which each was to be explored. `labelled`: a label came.

    A row's chance is q + share · h · (1 - q): q is the share of labels among rows with a prediction like it that were
    not explored, h the share of callers who heed that a row is to be explored. It is averaged over cells of equally
    many rows with predictions alike, so that rows that were explored stand for those from before there was
    exploration, too. What callers do may depend on the prediction in any way, and on nothing else that the label
    depends on.
    """
    if not len(predictions):
        return np.empty(0)
    cells = _cells_of_equal_size(predictions)
    plain = ~explored
    counts = np.bincount(cells[plain], minlength=MAX_CELLS)
    with_label = np.bincount(cells[plain], weights=labelled[plain], minlength=MAX_CELLS)
    acted_on = (with_label / np.maximum(counts, 1))[cells]
    heeded = _share_heeded(labelled[explored], acted_on[explored])
    expected = np.bincount(cells, weights=acted_on + shares * heeded * (1 - acted_on), minlength=MAX_CELLS)
    rows = np.bincount(cells, minlength=MAX_CELLS)
    # A cell that can have no label has no row that is weighted.
    return np.asarray(np.divide(rows, expected, out=np.ones(MAX_CELLS), where=expected > 0)[cells])


def effective_count(weights: Numbers) -> float:
    """How many rows of equal weight say as much (Kish, Survey Sampling, 1965).

    >>> effective_count(np.ones(10)), round(effective_count(np.array([1.0, 1.0, 1.0, 1.0, 20.0])), 2)
    (10.0, 1.43)
    """
    return float(weights.sum() ** 2 / (weights**2).sum())


def _share_heeded(labelled: Flags, acted_on: Numbers) -> float:
    """Of explored rows: what explains how many of them got a label. `acted_on`: the chance that each had anyway."""
    missing = float((1 - acted_on).sum())
    return float(np.clip((labelled.sum() - acted_on.sum()) / missing, 0, 1)) if missing else 0.0


def _cells_of_equal_size(predictions: Numbers) -> npt.NDArray[np.intp]:
    """Shape (rows,): from 0 up to MAX_CELLS. Equal predictions are in one cell."""
    cells = int(np.clip(len(predictions) // ROWS_PER_CELL, 1, MAX_CELLS))
    edges = np.quantile(predictions, np.linspace(0, 1, cells + 1)[1:-1])
    return np.searchsorted(edges, predictions, side="right")
