"""What became of a file of rows, in a sentence."""

from pathlib import Path

from rich.markup import escape

from evertrain.domain.landing.scoring import ScoringReport
from evertrain.terminal.console import console


def show_report(name: str, report: ScoringReport, place: Path) -> None:
    """`place`: where the answer has been written."""
    if report.error:
        console.print(f"[red]{escape(name)} was refused[/]: {escape(report.error)}")
        return
    answered = (
        f"{report.rows - report.refused:,} of {report.rows:,} rows" if report.refused else f"{report.rows:,} rows"
    )
    console.print(
        f"{escape(name)}: {report.model} {report.model_version} answered {answered}, in {escape(str(place))}"
    )
    if report.refused:
        console.print("  what is wrong with the others stands in the column error")
