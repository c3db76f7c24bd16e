"""A user's own estimators: of a model's `models/<name>/estimator.py` with one function, `make_estimator(*, seed, …)`,
or of such a function that is at hand. It may import what stands beside it: `from .transformers import Clipped`."""

import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.policies import ParameterValue
from evertrain.sklearn_tier.own_code import PREFIX, use_own_code


class InvalidEstimator(EvertrainError):
    """`estimator.py` is missing, does not load, or makes something that cannot be trained."""


def estimator_path(root: Path, model: str) -> Path:
    return model_file(root, model, "estimator.py")


def model_file(root: Path, model: str, name: str) -> Path:
    return root / "models" / model / name


def load_estimator(
    root: Path, model: str, *, seed: int, parameters: Mapping[str, ParameterValue] | None = None
) -> Any:
    """A new, unfitted, scikit-learn-compatible estimator. `parameters`: of the search space in `model.toml`, if any.

    Raises InvalidEstimator.
    """
    path = estimator_path(root, model)
    display_path = path.relative_to(root)
    package = use_own_code(root, model, anew=True)
    module = load_code(path, display_path, name=f"{package}.estimator", error=InvalidEstimator)
    make = getattr(module, "make_estimator", None)
    if not callable(make):
        raise InvalidEstimator(f"{display_path}: no function make_estimator(*, seed: int) in it")
    return call_factory(make, seed=seed, parameters=parameters or {}, called=f"{display_path}: make_estimator")


def call_factory(
    make: Callable[..., Any], *, seed: int, parameters: Mapping[str, ParameterValue], called: str
) -> Any:
    """A new, unfitted estimator of a user's function. `called`: what errors call it. Raises InvalidEstimator."""
    chosen = {"seed": seed} | dict(parameters)
    try:
        estimator = make(**chosen)
    except Exception as error:
        arguments = ", ".join(f"{name}={value!r}" for name, value in chosen.items())
        raise InvalidEstimator(f"{called}({arguments}) raised {_describe(error)}") from error
    for method in ("fit", "predict"):
        if not callable(getattr(estimator, method, None)):
            raise InvalidEstimator(f"{called} returned {type(estimator).__name__}, which has no {method}()")
    return estimator


def load_code(path: Path, display_path: Path, *, name: str, error: type[EvertrainError]) -> Any:
    """The file as a module of that name. Raises `error`."""
    if not path.is_file():
        raise error(f"{display_path}: there is no such file")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise error(f"{display_path}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling inside the file look themselves up here
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as raised:
        if (raised.name or "").startswith(PREFIX):
            raise error(
                f"{display_path}: there is no {(raised.name or '').rpartition('.')[2]}.py beside it"
            ) from raised
        raise error(
            f"{display_path}: {raised.name} is not installed here; write it into models/requirements.txt, which the "
            "training image installs, and `pip install -r models/requirements.txt`"
        ) from raised
    except Exception as raised:
        raise error(f"{display_path}: importing it raised {_describe(raised)}") from raised
    return module


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
