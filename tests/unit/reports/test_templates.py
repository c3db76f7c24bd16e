"""Pages are filled from templates that are compiled once."""

import jinja2
import pytest

from evertrain.reports.templates import render_template


def test_a_template_is_compiled_once_however_many_pages_it_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    compile_template = jinja2.Environment.compile
    monkeypatch.setattr(
        jinja2.Environment,
        "compile",
        lambda self, source, name=None, *rest: compiled.append(name) or compile_template(self, source, name, *rest),
    )
    for _ in range(3):
        with pytest.raises(jinja2.UndefinedError):
            render_template("drift_page.html.jinja")
    assert compiled.count("drift_page.html.jinja") <= 1
