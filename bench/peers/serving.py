"""What each scoring script does: load a model, answer one row, then many ones and a thousand at once; then report."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

ROWS_ASKED, BATCHES = 200, 3


def report(load: Callable[[str], Any], predict: Callable[[Any, list[dict[str, float]]], Any]) -> None:
    """Arguments: the model's file, and a JSON file of rows. `predict` answers a number for each row."""
    model_path, rows_path = sys.argv[1:3]
    rows = json.loads(Path(rows_path).read_text(encoding="utf-8"))
    model = load(model_path)
    first = float(predict(model, rows[:1])[0])
    print("first", first, flush=True)  # a cold process ends here, for whoever waits
    one = [_timed(predict, model, [row]) for row in rows[:ROWS_ASKED]]
    batch = [_timed(predict, model, rows) for _ in range(BATCHES)]
    predictions = [float(value) for value in predict(model, rows)]
    print(json.dumps({"row_p50_s": median(one), "batch_s": min(batch), "predictions": predictions}))


def _timed(predict: Callable[[Any, Any], Any], model: Any, rows: Any) -> float:
    began = time.perf_counter()
    predict(model, rows)
    return time.perf_counter() - began
