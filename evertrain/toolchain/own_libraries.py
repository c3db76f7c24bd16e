"""Libraries that a project's estimators need and ours do not bring: `models/requirements.txt` names them."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions, version
from pathlib import Path

from evertrain.domain.project.policies import Tier
from evertrain.domain.project.requirements import named_distributions
from evertrain.toolchain.workspace import Workspace

REQUIREMENTS = Path("models") / "requirements.txt"
"""As pip reads it. The training image installs it beside what training itself needs, whose versions stay."""


SKLEARN_LOCK = "serving-sklearn.txt"
"""What the functions of models that scikit-learn answers have, beside the project's own libraries."""

BUNDLE_MIB = {Tier.FLAT: 1.5, Tier.SKLEARN: 190.0}
"""Of a function, unzipped, without bytecode and the project's own libraries; tests/infra/test_bundles.py weighs."""


def missing_libraries(workspace: Workspace, model: str, *, lock: str = "train.txt") -> dict[str, str]:
    """By name to import, the requirements that are wanting: what a model's files import here, and what is made from
    the lock will not have."""
    there = {_normal(name) for name in (*_named_in(workspace.lock(lock)), *own_libraries(workspace.project))}
    distributions = packages_distributions()
    missing = {}
    for name in sorted(_imported(workspace.project / "models" / model)):
        brought_by = distributions.get(name, [])
        if brought_by and not there.intersection(map(_normal, brought_by)):
            missing[name] = f"{brought_by[0]}=={version(brought_by[0])}"
    return missing


def own_libraries(project: Path) -> list[str]:
    """The distributions that a project's requirements name."""
    path = project / REQUIREMENTS
    return list(_named_in(path)) if path.is_file() else []


def _named_in(path: Path) -> Iterator[str]:
    """`-r` is followed."""
    text = path.read_text(encoding="utf-8")
    yield from named_distributions(text)
    for other in re.findall(r"(?m)^\s*(?:-r|--requirement)[ =]\s*(\S+)", text):
        yield from _named_in(path.parent / other)


def _normal(distribution: str) -> str:
    """
    >>> _normal("scikit_learn"), _normal("PyYAML")
    ('scikit-learn', 'pyyaml')
    """
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _parsed(path: Path) -> ast.AST:
    """Nothing of what cannot be parsed: loading it says what is wrong."""
    try:
        return ast.parse(path.read_bytes())
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def _imported(folder: Path) -> set[str]:
    """The packages that a model's files import, without the standard library's."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(_parsed(path)):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {"evertrain"}
