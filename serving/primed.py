"""The same function with its model loaded while Lambda initialises it: with SnapStart that is what every later start
begins with. A version whose model cannot be loaded then is never published."""

from evertrain.scoring import FlatModel
from serving.handler import lambda_handler
from serving.wiring import served_model

__all__ = ["lambda_handler"]


def _prime() -> None:
    served = served_model()
    if served is not None and isinstance(served.model, FlatModel):
        served.model.prepare()


_prime()
