"""`make reference`: writes the pages anew."""

import sys
from pathlib import Path

from reference.notebook import NOTEBOOK, executed
from reference.pages import pages


def main(docs: Path) -> None:
    for name, text in pages(docs).items():
        (docs / name).write_text(text, encoding="utf-8")
    notebook = docs / NOTEBOOK
    notebook.write_text(executed(notebook.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
