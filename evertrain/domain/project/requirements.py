"""Which distributions a requirements file names. Nothing is installed or looked up here."""

import re

_NAMED = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:$|[\s;<>=!~\[@#])")


def named_distributions(text: str) -> list[str]:
    """By the lines of a file as pip reads it; options, paths and addresses name none.

    >>> named_distributions("xgboost-cpu==3.2.0\\n-r more.txt\\ngit+https://host/name\\n  numpy>=2 ; extra")
    ['xgboost-cpu', 'numpy']
    """
    return [found[1] for line in text.splitlines() if (found := _NAMED.match(line))]
