"""What commands that ask a stage share: how they name it, a model and the project, and how they print JSON."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from evertrain.adapters.documents import dump

ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="a folder below models/")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
StageName = Annotated[str, typer.Option("--stage", envvar="EVERTRAIN_STAGE", help="Which deployment.")]
ProjectFolder = Annotated[Path, typer.Option("--project", help="The folder with models/ and features/.")]
HERE = Path()


def print_json(value: Any) -> None:
    several = isinstance(value, list | tuple)
    print(json.dumps([to_json(entry) for entry in value] if several else to_json(value), indent=2))


def to_json(value: Any) -> Any:
    # By way of the stored documents, so that scripts see the names in the docs.
    return value if isinstance(value, dict) else json.loads(dump(value))
