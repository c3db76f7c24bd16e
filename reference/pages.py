"""Every page and schema that is made from the code, by its path below docs/."""

import json
from collections.abc import Mapping
from pathlib import Path

from evertrain.adapters.project.files import load_project
from evertrain.adapters.project.keys import reference_page, schema_files
from evertrain.domain.release.openapi import project_document
from reference.commands import commands_page
from reference.events import events_page
from reference.http import http_page
from reference.python_names import with_python_names


def pages(docs: Path) -> Mapping[str, str]:
    """`docs`: the folder; of a page that is told in part only, the rest is read there."""
    return {
        "keys.md": reference_page(),
        **{f"schema/{name}": text for name, text in schema_files().items()},
        "schema/openapi.json": json.dumps(project_document(load_project(docs.parent)), indent=2) + "\n",
        "commands.md": commands_page(),
        "events.md": events_page(),
        "http.md": http_page(),
        "python.md": with_python_names((docs / "python.md").read_text(encoding="utf-8")),
    }
