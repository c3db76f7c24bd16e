"""What a search of settings found, for people: the answer, then a line for each setting."""

from pathlib import Path

from rich.markup import escape
from rich.table import Table

from evertrain.replay.tuning import Tuning
from evertrain.terminal.console import console


def show_tuning(found: Tuning, *, written: Path | None, asked: bool) -> None:
    """`asked`: whether it was to be written."""
    console.print(f"\n[bold]{escape(found.answer)}[/]\n", soft_wrap=True)
    table = Table(
        header_style="dim",
        title=f"On the first {found.searched} batches, which the search has seen",
        title_justify="left",
        title_style="dim",
    )
    table.add_column("setting")
    for name in (found.metric.value, "better by", "standard error", "on batches", "retrained"):
        table.add_column(name, justify="right")
    for trial in found.trials:
        difference = trial.difference
        is_declared = not trial.setting.values
        table.add_row(
            escape(str(trial.setting)),
            "" if trial.metric is None else f"{trial.metric:.4f}",
            "" if is_declared else f"{difference.value:+.4f}",
            "" if is_declared else f"{difference.standard_error:.4f}",
            f"{difference.batches}",
            f"{trial.retrains}",
        )
    console.print(table)
    if written is not None:
        console.print(f"written: {written}", soft_wrap=True)
    elif asked and found.proof is not None:
        console.print("Not written, since the unseen batches do not confirm it; --anyway writes it.")
    elif found.is_confirmed:
        console.print("`--write` writes it into model.toml.")
