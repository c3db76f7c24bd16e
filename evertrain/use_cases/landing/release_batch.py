"""Takes a batch out of quarantine that a person has looked at: it is landed again, and accepted this time."""

from collections.abc import Callable
from dataclasses import dataclass

from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.batches import COMPARISON_FAULT_CODES, Quarantine
from evertrain.ports.batches import BatchLog

MAX_QUARANTINES = 1_000


class NotReleasable(EvertrainError):
    """There is no such batch in quarantine, or releasing it would not help."""

    exit_status = 2


def require_releasable(quarantine: Quarantine) -> None:
    """Raises NotReleasable where it has a fault that no person can talk away."""
    wrong = [fault for fault in quarantine.faults if fault.code not in COMPARISON_FAULT_CODES]
    if wrong:
        raise NotReleasable(
            f"{quarantine.batch_id[:12]} would be set aside again: {wrong[0].message}; mend the file and land it anew"
        )


@dataclass(frozen=True, kw_only=True)
class ReleaseBatch:
    """`land_again` puts the quarantined object where it had landed."""

    batches: BatchLog
    land_again: Callable[[Quarantine], None]

    def run(self, batch_id: str) -> Quarantine:
        """`batch_id`: all of it, or its beginning. Raises NotReleasable."""
        return self.release(self._find(batch_id))

    def release(self, quarantine: Quarantine) -> Quarantine:
        """Raises NotReleasable."""
        require_releasable(quarantine)
        # In this order: landed first, it would still be the batch that was set aside. Both may be repeated.
        self.batches.release(quarantine)
        self.land_again(quarantine)
        return quarantine

    def _find(self, batch_id: str) -> Quarantine:
        matches = [
            quarantine
            for quarantine in self.batches.quarantines(limit=MAX_QUARANTINES)
            if quarantine.batch_id.startswith(batch_id)
        ]
        if len(matches) != 1:
            description = "no batch" if not matches else f"{len(matches)} batches"
            raise NotReleasable(
                f"{description} in quarantine whose id begins with {batch_id}; see `evertrain quarantine`"
            )
        return matches[0]
