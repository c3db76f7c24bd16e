"""The notebook runs from its first cell to its last, and shows what comes of it."""

import json
from pathlib import Path

from reference.notebook import NOTEBOOK, executed

TEXT = (Path(__file__).parents[3] / "docs" / NOTEBOOK).read_text(encoding="utf-8")


def test_what_is_shown_is_what_comes_of_it() -> None:
    assert executed(TEXT) == TEXT, "run `make reference`"


def test_it_is_a_notebook_that_viewers_take() -> None:
    """What Jupyter's format 4.5 asks of every cell; light, since only text and tables are kept."""
    document = json.loads(TEXT)
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in document["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in document["cells"]:
        needed = {"cell_type", "id", "metadata", "source"}
        assert set(cell) == (needed | {"execution_count", "outputs"} if cell["cell_type"] == "code" else needed)
    assert len(TEXT) < 40_000
