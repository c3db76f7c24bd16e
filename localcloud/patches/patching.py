"""How a patch is put in place: loudly, where what it replaces is gone."""

import functools
import inspect
from collections.abc import Callable
from typing import Any


class MinistackChanged(SystemExit):
    """A patched name is gone: ministack is not the version that the patches were written for."""


def replaces(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: puts the decorated `wrapper(original, *args)` in place of `owner.name`."""

    def apply(wrapper: Callable[..., Any]) -> Callable[..., Any]:
        original = owner.__dict__.get(name)
        if not callable(original):
            raise MinistackChanged(f"localcloud: ministack has no {owner.__name__}.{name} any more")

        @functools.wraps(original)
        def replacement(*args: Any, **kwargs: Any) -> Any:
            return wrapper(original, *args, **kwargs)

        @functools.wraps(original)
        async def awaited_replacement(*args: Any, **kwargs: Any) -> Any:
            return await wrapper(original, *args, **kwargs)

        # A server tells by this whether it may await what it calls.
        setattr(owner, name, awaited_replacement if inspect.iscoroutinefunction(original) else replacement)
        return wrapper

    return apply
