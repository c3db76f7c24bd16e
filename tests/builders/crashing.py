"""A process that ends at a chosen step: calls of ports are counted, and at one of them everything stops."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Crash(BaseException):
    """Nothing catches it: what would have come next does not."""


@dataclass
class Fuse:
    """`at`: the call, counted from 1, at which the process ends once; `after` it took effect, or before."""

    at: int | None = None
    after: bool = False
    calls: int = 0

    def wire(self, port: Any) -> Any:
        """The same port, whose calls are counted."""
        return _Wired(port, self)

    def run(self, call: Callable[[], Any]) -> Any:
        self.calls += 1
        mine = self.calls
        if mine == self.at and not self.after:
            raise Crash
        answer = call()
        if mine == self.at:
            raise Crash
        return answer

    @property
    def blown(self) -> bool:
        return self.at is not None and self.calls >= self.at


class _Wired:
    def __init__(self, port: Any, fuse: Fuse) -> None:
        self._port, self._fuse = port, fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found
        return lambda *arguments, **options: self._fuse.run(lambda: found(*arguments, **options))


def until_done(step: Callable[[], Any]) -> Any:
    """As a queue delivers: again, until it is handled."""
    while True:
        try:
            return step()
        except Crash:
            continue
