"""Evertrain: continuous training for scikit-learn-compatible models on serverless AWS.

What is listed here may be relied on, and changes as semantic versioning says; what is not, may change at any time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evertrain.api.drift import Drift, DriftFound, Reference, Sketch, assert_no_drift, drift
    from evertrain.domain.errors import EvertrainError
    from evertrain.domain.project.file_format import FileFormat

__all__ = ["Drift", "DriftFound", "EvertrainError", "FileFormat", "Reference", "Sketch", "assert_no_drift", "drift"]

_ELSEWHERE = {
    "EvertrainError": "evertrain.domain.errors",
    "FileFormat": "evertrain.domain.project.file_format",
}


def __getattr__(name: str) -> Any:
    """On first use: functions in the cloud import this package, and none of that."""
    if name not in __all__:
        raise AttributeError(f"module 'evertrain' has no attribute {name!r}")
    return getattr(import_module(_ELSEWHERE.get(name, "evertrain.api.drift")), name)
