"""Which types an artifact may declare: whoever reads one makes objects of these, and of no others.

skops itself trusts what scikit-learn, numpy and scipy mostly consist of. The rest is found where a model is trained,
and declared by name. Of the standard library only what holds values may be, since `eval` is there too.
"""

import sys
from collections.abc import Sequence

_HARMLESS = frozenset(
    {
        *(f"collections.{name}" for name in ("Counter", "OrderedDict", "defaultdict", "deque")),
        *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
        "decimal.Decimal",
        "functools.partial",
    }
)
"""They hold values. Of what a partial calls, skops looks at the name as well."""


def refused_types(names: Sequence[str]) -> list[str]:
    """Those of these that no artifact may hold.

    >>> refused_types(["sklearn.neighbors._kd_tree.KDTree", "os.system", "builtins.eval", "functools.partial"])
    ['os.system', 'builtins.eval']
    """
    return [name for name in names if name.partition(".")[0] in _FORBIDDEN and name not in _HARMLESS]


_FORBIDDEN = frozenset({*sys.stdlib_module_names, "__main__"})
