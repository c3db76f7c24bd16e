"""A model's own code: `models/<name>/` as a package, so that its files may import each other, and so that what they
define has the same name where a model is trained and where it answers."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

PREFIX = "_evertrain_models_"
"""A name of its own: two models' files never shadow each other, nor anything that is installed."""


def own_package(model: str) -> str:
    return f"{PREFIX}{model}"


def use_own_code(root: Path, model: str, *, anew: bool = False) -> str:
    """Makes the folder importable, and answers the package's name. Nothing is imported yet.

    `anew`: what was imported of it before is forgotten, as is that of another project's model of this name.
    """
    name, folder = own_package(model), str((root / "models" / model).resolve())
    known = sys.modules.get(name)
    if known is not None and list(known.__path__) == [folder] and not anew:
        return name
    for each in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
        del sys.modules[each]
    package = ModuleType(name, f"models/{model}")
    package.__path__ = [folder]
    package.__spec__ = importlib.util.spec_from_loader(name, loader=None, is_package=True)
    sys.modules[name] = package
    importlib.invalidate_caches()
    return name
