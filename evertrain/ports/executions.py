"""What has become of a retraining's execution."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionState:
    """`description`: how it ended, for people."""

    is_running: bool
    description: str = ""


class Executions(Protocol):
    def state(self, execution: str) -> ExecutionState:
        """One that is not known any more has ended."""
