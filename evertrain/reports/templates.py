"""The pages' templates, beside this file."""

from importlib.resources import files

import jinja2


def render_template(name: str, **values: object) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda each: files(__package__).joinpath(each).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name).render(**values)
