"""What is doubtful, and what a person accepted, for people."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from evertrain.terminal.console import console
from evertrain.use_cases.landing.accept_batch import AcceptedBatch
from evertrain.use_cases.landing.doubted_batches import DoubtedBatch


def show_doubts(found: Sequence[DoubtedBatch]) -> None:
    if not found:
        console.print("No batch is doubtful.")
        return
    table = Table(
        *("batch", "events from", "model", "rows", "because"), title="Doubtful batches", title_justify="left"
    )
    for each in found:
        state = "[yellow]kept out of training[/]" if each.is_undecided else "[green]learnt from[/]"
        because = "\n".join(escape(fault.message) for fault in each.faults)
        table.add_row(each.batch_id[:12], f"{each.event_time_min:%Y-%m-%d %H:%M}", each.model, state, because)
    console.print(table)
    console.print("`evertrain accept BATCH` says that this is how it is now.")


def show_accepted(found: AcceptedBatch) -> None:
    for fault in found.faults:
        console.print(f"[green]accepted[/]: {escape(fault.message)}")
    console.print(
        f"Batches of {found.feed} like this one are neither doubted nor set aside, until a champion has learnt from "
        "such rows."
    )
    if found.was_set_aside:
        console.print(f"Batch {found.batch_id[:12]} is landed again.")
