"""The output of `evertrain drift` for people."""

from pathlib import Path

from rich.markup import escape
from rich.table import Table

from evertrain.domain.monitoring.drift import DriftStatus, FeatureDrift, Findings
from evertrain.reports.drift_page import DriftPage
from evertrain.terminal.console import console


def show_drift(found: DriftPage, *, html: Path | None) -> None:
    title = escape(
        f"{found.after}, {found.sketch.rows:,} rows, against {found.before}, {found.reference.rows:,} rows"
    )
    table = Table(title=title, title_justify="left", header_style="dim", title_style="bold")
    for column in (
        "feature",
        "verdict",
        "PSI",
        "",
        "allowed",
        "Wasserstein (σ)",
        "training days",
        "KS",
        "missing",
        "p",
    ):
        table.add_column(column)
    highest = max((feature.psi for feature in found.findings.by_importance), default=0.0)
    for feature in found.findings.by_importance:
        table.add_row(
            escape(feature.feature),
            _verdict(feature, found.findings),
            f"{feature.psi:.3f}",
            _bar(feature.psi / highest if highest else 0.0),
            f"{feature.threshold:.3f}",
            "" if feature.wasserstein_normalised is None else f"{feature.wasserstein_normalised:.3f}",
            "" if feature.wasserstein_limit is None else f"up to {feature.wasserstein_limit:.3f}",
            "" if feature.ks is None else f"{feature.ks:.3f}",
            f"{feature.missing_share_reference:.1%} → {feature.missing_share:.1%}",
            f"{feature.p_value:.2g}" if feature.p_value else "<1e-300",
        )
    console.print(table)
    if any(_is_within_days(feature) for feature in found.findings.by_importance):
        console.print(f"  {WITHIN_DAYS}", soft_wrap=True)
    for sentence in found.findings.sentences:
        console.print(f"  {sentence}", markup=False, soft_wrap=True)
    for fault in found.findings.faults:
        console.print(f"  {fault.message}: rather the feed's fault than drift", markup=False, soft_wrap=True)
    console.print(_describe_relations(found.findings), markup=False)
    if found.findings.slices:
        console.print(_describe_slices(found.findings), markup=False)
    for note in found.notes:
        console.print(f"{note}.", markup=False, soft_wrap=True)
    for name, why in found.left_out.items():
        console.print(f"""Not compared: {name or '""'}, {why}.""", markup=False, soft_wrap=True)
    if found.findings.status is DriftStatus.TOO_FEW_ROWS:
        console.print(f"[yellow]{found.sketch.rows:,} rows are too few to say anything about drift.[/]")
    else:
        verdict = "[red]drifted[/]" if found.findings.status is DriftStatus.DRIFTED else "[green]stable[/]"
        drifted, features = found.findings.drifted_features, found.findings.features
        console.print(f"{len(drifted)} of {len(features)} features drifted: {verdict}")
    if html is not None:
        console.print(f"The page with distributions: [bold]{html}[/]", soft_wrap=True)


def _verdict(feature: FeatureDrift, found: Findings) -> str:
    if found.status is DriftStatus.TOO_FEW_ROWS:
        return "–"
    return "[red]drifted[/]" if feature.drifted else "[green]stable[/]"


WITHIN_DAYS = (
    "A PSI above what is allowed is no drift where the distribution lies no further away than those of training days."
)


def _is_within_days(feature: FeatureDrift) -> bool:
    """Whether its PSI alone would have been drift."""
    limit, distance = feature.wasserstein_limit, feature.wasserstein_normalised
    is_near = limit is not None and distance is not None and distance <= limit
    return is_near and not feature.drifted and feature.psi > feature.threshold


def _describe_relations(found: Findings) -> str:
    if found.relations is None:
        return "How features go together was not examined."
    if not found.relations:
        return "No feature followed from the others in the reference: there is no relation that could break."
    changed = len(found.drifted_relations)
    return f"How features go together: {changed} of {len(found.relations)} that follow from the others changed."


def _describe_slices(found: Findings) -> str:
    descriptions = (f"{each.of} {each.status.value.replace('_', ' ')} ({each.rows:,} rows)" for each in found.slices)
    return f"Slices: {', '.join(descriptions)}."


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
