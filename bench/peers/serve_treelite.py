"""treelite's general inference, one thread; of trees only."""

from typing import Any

import numpy as np
import treelite

from serving import report


def predict(model: Any, rows: list[dict[str, float]]) -> Any:
    table = np.array([list(row.values()) for row in rows], dtype=np.float32)
    found = treelite.gtil.predict(model, table, nthread=1).reshape(len(rows), -1)
    return found[:, -1]


report(treelite.Model.deserialize, predict)
