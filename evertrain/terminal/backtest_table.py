"""A backtest for people: the answer, then a line for each policy."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from evertrain.domain.project.duration import format_duration
from evertrain.replay.comparison import Backtest
from evertrain.replay.differences import Difference
from evertrain.replay.history import History
from evertrain.replay.result import PolicyResult
from evertrain.terminal.console import console

_COLUMNS = (
    "policy",
    "metric",
    "gain over never",
    "retrained",
    "promoted",
    "rejected",
    "held",
    "person called",
    "set aside",
    "seconds",
)


def show_backtest(found: Backtest, history: History, *, left_out: Mapping[str, str], written: Sequence[Path]) -> None:
    console.print(f"\n[bold]{found.answer}[/]\n", soft_wrap=True)
    if found.scored:
        _show_policies(found, history)
    for column, reason in left_out.items():
        console.print(f"[dim]left out: {column}: {reason}[/]", soft_wrap=True)
    for path in written:
        console.print(f"written: {path}", soft_wrap=True)


def _show_policies(found: Backtest, history: History) -> None:
    table = Table(header_style="dim", title=_title(found, history), title_justify="left", title_style="dim")
    for name in _COLUMNS:
        table.add_column(
            found.metric_name if name == "metric" else name, justify="left" if name == "policy" else "right"
        )
    for result in found.results:
        table.add_row(*_row(result, found.gains.get(result.policy)))
    console.print(table)


def _title(found: Backtest, history: History) -> str:
    rows = sum(found.rows[number] for number in found.scored)
    of = f"{len(found.scored)} of {len(found.starts)} batches of {format_duration(history.batch)}"
    return f"{found.model}: {rows:,} labelled rows in {of} from {found.starts[found.scored[0]]:%Y-%m-%d} on"


def _row(result: PolicyResult, gain: Difference | None) -> list[str]:
    return [
        result.policy,
        "" if result.metric is None else f"{result.metric:.4f}",
        "" if gain is None else str(gain),
        f"{result.retrains}",
        f"{result.promotions}",
        f"{result.rejections}",
        f"{result.holds}",
        f"{result.escalations}",
        f"{len(result.quarantined)}",
        f"{result.seconds:.1f}",
    ]
