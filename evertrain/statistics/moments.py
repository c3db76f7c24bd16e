"""Second moments of scores: how a batch's features go together. Integers, so they add exactly."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False, kw_only=True)
class Moments:
    """`products`: shape (1 + scores, 1 + scores), the sums of x xᵀ over rows, where x is 1 and then the scores."""

    products: npt.NDArray[np.int64]

    @property
    def rows(self) -> int:
        return int(self.products[0, 0])

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(products=self.products + other.products)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moments) and np.array_equal(self.products, other.products)

    __hash__ = None  # type: ignore[assignment]

    def packed(self) -> npt.NDArray[np.int64]:
        """The upper triangle in zigzag encoding: no number is negative."""
        upper = self.products[np.triu_indices(len(self.products))]
        return np.asarray(upper << 1 ^ upper >> 63)

    @classmethod
    def unpacked(cls, packed: npt.NDArray[np.int64]) -> "Moments":
        """The inverse of `packed`. Raises ValueError."""
        size = (math.isqrt(8 * len(packed) + 1) - 1) // 2
        codes = packed.astype(np.int64)
        products = np.zeros((size, size), dtype=np.int64)
        products[np.triu_indices(size)] = codes >> 1 ^ -(codes & 1)
        return cls(products=products + np.triu(products, 1).T)
