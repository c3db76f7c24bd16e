"""Evertrain: continuous training for scikit-learn-compatible models on serverless AWS.

What is listed here may be relied on, and changes as semantic versioning says; what is not, may change at any time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evertrain.api.backtest import Backtest, backtest
    from evertrain.api.drift import Drift, DriftFound, Reference, Sketch, assert_no_drift, drift
    from evertrain.domain.errors import EvertrainError
    from evertrain.domain.project.file_format import FileFormat

__all__ = [
    "Backtest",
    "Drift",
    "DriftFound",
    "EvertrainError",
    "FileFormat",
    "Reference",
    "Sketch",
    "assert_no_drift",
    "backtest",
    "drift",
]

_ELSEWHERE = {
    "Backtest": "evertrain.api.backtest",
    "EvertrainError": "evertrain.domain.errors",
    "FileFormat": "evertrain.domain.project.file_format",
    "backtest": "evertrain.api.backtest",
}
"""Where what is not in `evertrain.api.drift` is."""


def __getattr__(name: str) -> Any:
    """On first use: functions in the cloud import this package, and none of that."""
    if name not in __all__:
        raise AttributeError(f"module 'evertrain' has no attribute {name!r}")
    try:
        module = import_module(_ELSEWHERE.get(name, "evertrain.api.drift"))
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        remedy = f"evertrain.{name} needs {missing}, which is not installed: pip install 'evertrain[train]'"
        raise ModuleNotFoundError(remedy, name=error.name) from error
    return getattr(module, name)
