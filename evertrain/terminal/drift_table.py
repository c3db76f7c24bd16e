"""What `evertrain drift` prints for people."""

from pathlib import Path

from rich.markup import escape
from rich.table import Table

from evertrain.domain.drift import DriftStatus
from evertrain.reports.drift_page import DriftPage
from evertrain.terminal.console import console


def show_drift(found: DriftPage, *, html: Path | None) -> None:
    title = escape(
        f"{found.after}, {found.sketch.rows:,} rows, against {found.before}, {found.reference.rows:,} rows"
    )
    table = Table(title=title, title_justify="left", header_style="dim", title_style="bold")
    for column in ("feature", "verdict", "PSI", "", "allowed", "moved by (σ)", "KS", "missing", "p"):
        table.add_column(column)
    highest = max((feature.psi for feature in found.features), default=0.0)
    for feature in found.features:
        table.add_row(
            escape(feature.feature),
            "[red]drifted[/]" if feature.drifted else "[green]stable[/]",
            f"{feature.psi:.3f}",
            _bar(feature.psi / highest if highest else 0.0),
            f"{feature.threshold:.3f}",
            "" if feature.wasserstein_normalised is None else f"{feature.wasserstein_normalised:.3f}",
            "" if feature.ks is None else f"{feature.ks:.3f}",
            f"{feature.missing_share_reference:.1%} → {feature.missing_share:.1%}",
            f"{feature.p_value:.2g}" if feature.p_value else "<1e-300",
        )
    console.print(table)
    for feature in found.features:
        if feature.drifted:
            console.print(f"  {feature.sentence}", markup=False)
    if found.left_out:
        console.print(f"Not compared: {', '.join(found.left_out)}.", markup=False)
    if found.status is DriftStatus.TOO_FEW_ROWS:
        console.print(f"[yellow]{found.sketch.rows:,} rows are too few to say anything about drift.[/]")
    else:
        drifted = sum(feature.drifted for feature in found.features)
        verdict = "[red]drifted[/]" if found.status is DriftStatus.DRIFTED else "[green]stable[/]"
        console.print(f"{drifted} of {len(found.features)} features drifted: {verdict}")
    if html is not None:
        console.print(f"The page with distributions: [bold]{html}[/]", soft_wrap=True)


def _bar(share: float, *, width: int = 12) -> str:
    """
    >>> _bar(0.5)
    '██████'
    >>> _bar(0.05), _bar(0.0)
    ('▋', '')
    """
    eighths = round(share * width * 8)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")
