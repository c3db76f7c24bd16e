"""ONNX Runtime, one thread."""

from typing import Any

import numpy as np
import onnxruntime

from serving import report


def load(path: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def predict(session: Any, rows: list[dict[str, float]]) -> Any:
    table = np.array([list(row.values()) for row in rows], dtype=np.float32)
    return session.run(None, {session.get_inputs()[0].name: table})[1][:, 1]


report(load, predict)
