"""The pages' templates, beside this file."""

from functools import cache
from importlib.resources import files

import jinja2


def render_template(name: str, **values: object) -> str:
    return _environment().get_template(name).render(**values)


@cache  # it keeps what it has compiled, which takes longer than to fill it
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda each: files(__package__).joinpath(each).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
