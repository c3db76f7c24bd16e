"""The documents name files that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")]
FOLDERS = (
    "evertrain",
    "infra",
    "lambdas",
    "jobs",
    "serving",
    "localcloud",
    "localstack_host",
    "tests",
    "docs",
    "bench",
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_files_that_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`([\w.]+/[\w./-]+)`", text)
    for path in named:
        if path.partition("/")[0] in FOLDERS:
            assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / link).exists(), link
