"""Tables of tree nodes, as `scoring.operations.trees` reads them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evertrain.conversion.program import Column, Program
from evertrain.scoring.operations.tree_walk import BY_CATEGORY, LEAF, MISSING_LEFT

Numbers = npt.NDArray[np.float64]
_LARGEST = float(np.finfo(np.float64).max)
_SMALLEST_COVER = 1e-30
"""Where XGBoost is so sure of a leaf that its rows weigh nothing in 32 bits."""


class Nodes:
    """Collects the trees of one step."""

    def __init__(self) -> None:
        self._columns: dict[str, list[npt.NDArray[Any]]] = {
            name: [] for name in ("feature", "threshold", "left", "right", "flags")
        }
        self._roots: list[int] = []
        self._outputs: list[int] = []
        self._codes: list[int] = []
        self._ends: list[int] = []
        self._leaf_values: list[Numbers] = []
        self._covers: list[npt.NDArray[Any]] = []
        self._size = self._leaves = 0

    def add_tree(
        self,
        *,
        feature: npt.NDArray[Any],
        threshold: npt.NDArray[Any],
        left: npt.NDArray[Any],
        right: npt.NDArray[Any],
        missing_left: npt.NDArray[Any],
        value: Numbers,
        cover: npt.NDArray[Any],
        output: int = 0,
        categories: Sequence[Sequence[int] | None] | None = None,
    ) -> None:
        """All of shape (nodes,), `feature` below 0 for a leaf. `value`: a leaf's; of shape (nodes, outputs) where it
        has one for each output. `cover`: how many training rows came to a node, or by what they weighed.
        `categories`: of each node that splits by category the codes that go left."""
        leaf = feature < 0
        splits = np.where(
            leaf, 0.0, np.clip(threshold, -_LARGEST, _LARGEST)
        )  # an infinite one sends all left, or none
        flags = np.where(leaf, 0, MISSING_LEFT * missing_left.astype(np.uint8)).astype(np.uint8)
        for node, codes in enumerate(categories or ()):
            if codes is not None and not leaf[node]:
                self._codes += sorted(codes)
                self._ends.append(len(self._codes))
                splits[node] = len(self._ends) - 1
                flags[node] |= BY_CATEGORY
        to_left = np.where(leaf, 0, left + self._size)
        if value.ndim == 1:
            splits = np.where(leaf, value, splits)
        else:
            to_left[leaf] = self._leaves + np.arange(leaf.sum())
            self._leaf_values.append(value[leaf])
            self._leaves += int(leaf.sum())
        self._covers.append(np.maximum(cover[leaf], _SMALLEST_COVER))
        self._roots.append(self._size)
        self._outputs.append(output)
        columns = {
            "feature": np.where(leaf, LEAF, feature),
            "threshold": splits,
            "left": to_left,
            "right": np.where(leaf, 0, right + self._size),
            "flags": flags,
        }
        for name, values in columns.items():
            self._columns[name].append(values)
        self._size += len(feature)

    def write(
        self, program: Program, inputs: Sequence[Column], *, starts: Sequence[float] | Numbers, divisor: float = 1.0
    ) -> list[Column]:
        """One column for each of `starts`."""
        types = {"threshold": np.float64, "flags": np.uint8}
        parameters: dict[str, Any] = {
            name: np.concatenate(values or [np.empty(0)]).astype(types.get(name, np.int32))
            for name, values in self._columns.items()
        }
        if self._leaf_values:
            parameters["leaf_values"] = np.concatenate(self._leaf_values).astype(np.float64).ravel()
        else:
            parameters["adds_to"] = np.array(self._outputs, dtype=np.int32)
        return program.add(
            "trees",
            inputs,
            outputs=len(starts),
            may_be_missing=False,
            roots=np.array(self._roots, dtype=np.int32),
            leaf_covers=np.concatenate(self._covers or [np.empty(0)]).astype(np.float32),
            categories=np.array(self._codes, dtype=np.int32),
            category_ends=np.array(self._ends, dtype=np.int32),
            starts=[float(start) for start in starts],
            divisor=float(divisor),
            **parameters,
        )


def add_fitted_tree(nodes: Nodes, tree: Any, value: Numbers, *, output: int = 0) -> None:
    """A `tree_` of scikit-learn's decision trees, with these values of its nodes."""
    nodes.add_tree(
        feature=tree.feature,
        threshold=tree.threshold,
        left=tree.children_left,
        right=tree.children_right,
        missing_left=tree.missing_go_to_left.astype(bool),
        value=value,
        cover=tree.weighted_n_node_samples,
        output=output,
    )
