"""Crash injection: counts the calls of ports, and ends the process at a chosen one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Crash(BaseException):
    """Nothing catches it: what would have come next does not."""


@dataclass
class CrashInjector:
    """`at`: the call, counted from 1, at which the process ends, once. `after`: whether that call takes effect."""

    at: int | None = None
    after: bool = False
    calls: int = 0

    def wrap(self, port: Any) -> Any:
        """The same port, whose calls are counted."""
        return _CrashingPort(port, self)

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
    def has_crashed(self) -> bool:
        return self.at is not None and self.calls >= self.at


class _CrashingPort:
    def __init__(self, port: Any, injector: CrashInjector) -> None:
        self._port, self._fuse = port, injector

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found
        return lambda *arguments, **options: self._fuse.run(lambda: found(*arguments, **options))


def retry_until_done(step: Callable[[], Any]) -> Any:
    """As a queue delivers: again, until it is handled."""
    while True:
        try:
            return step()
        except Crash:
            continue
