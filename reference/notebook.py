"""docs/examples/first_look.ipynb, run from its first cell to its last, with what comes of each.

By Python alone: the cells use nothing of Jupyter, and a kernel with its thirty packages would run them no differently.
"""

import ast
import json
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

NOTEBOOK = "examples/first_look.ipynb"
"""Below docs/."""

MAX_HTML = 10_000
"""Characters. Tables are shown where the notebook is only read; a whole page is there once it is run."""


def executed(notebook: str) -> str:
    """The notebook's text with the outputs of its cells. Raises what a cell raises."""
    document = json.loads(notebook)
    _run_cells(document)
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def names_after(notebook: str) -> dict[str, Any]:
    """What its cells have defined once all have run."""
    return _run_cells(json.loads(notebook))


def _run_cells(document: dict[str, Any]) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "__main__"}
    cells = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(cells, start=1):
        cell["outputs"] = _run("".join(cell["source"]), number, names)
        cell["execution_count"] = number
    return names


def _run(code: str, number: int, names: dict[str, Any]) -> list[dict[str, Any]]:
    """What is printed, and what the last line is worth, as a kernel would keep it."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    printed, result = StringIO(), None
    with redirect_stdout(printed):
        exec(compile(tree, f"cell {number}", "exec"), names)  # noqa: S102  # our own cells
        if isinstance(last, ast.Expr):
            result = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)  # noqa: S307
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append(
            {"name": "stdout", "output_type": "stream", "text": printed.getvalue().splitlines(keepends=True)}
        )
    if result is not None:
        data = {"text/plain": repr(result).splitlines(keepends=True)}
        html = result._repr_html_() if hasattr(result, "_repr_html_") else None
        if html is not None and len(html) < MAX_HTML:
            data["text/html"] = html.splitlines(keepends=True)
        outputs.append({"data": data, "execution_count": number, "metadata": {}, "output_type": "execute_result"})
    return outputs
