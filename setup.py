"""The wheel carries what is deployed, as data below `evertrain/_deployables/`; everything else is in pyproject.toml.

In the repository these folders are beside the package, and stay there: `evertrain/toolchain/workspace.py` finds them.
"""

from pathlib import Path
from shutil import copy2

from setuptools import setup
from setuptools.command.build_py import build_py

FOLDERS = ("infra", "lambdas", "serving", "jobs", "localcloud")
FILES = (
    "cdk.json",
    "package.json",
    "package-lock.json",
    *(f"requirements/{name}.txt" for name in ("monitor", "ingest", "control", "train", "serving-sklearn")),
    *(f"requirements/{name}.txt" for name in ("embedded-cloud", "lambda-runtime")),
)


class BuildWithDeployables(build_py):
    """An editable install finds them where they are."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for path in deployables():
                target = Path(self.build_lib) / "evertrain" / "_deployables" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                copy2(path, target)


def deployables() -> list[Path]:
    """Sources only, not what running them leaves beside them."""
    found = [path for folder in FOLDERS for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    return [path for path in found if "__pycache__" not in path.parts] + [Path(name) for name in FILES]


setup(cmdclass={"build_py": BuildWithDeployables})
