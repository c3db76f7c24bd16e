"""`evertrain drift`: two files, no cloud. Imports nothing that talks to one: that would take longer than the work."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from evertrain.adapters.tabular_files import TabularFile
from evertrain.domain.drift import DriftStatus
from evertrain.domain.errors import EvertrainError
from evertrain.domain.model_spec import DriftPolicy
from evertrain.reports.drift_page import DriftPage
from evertrain.terminal.drift_table import show_drift
from evertrain.use_cases.compare_tables import compare_tables


def drift(
    reference: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="a Parquet or CSV file: before")],
    current: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="a Parquet or CSV file: after")],
    columns: Annotated[list[str] | None, typer.Option("--column", help="Compare this one; may be repeated.")] = None,
    psi_threshold: Annotated[float, typer.Option(min=0, help="A smaller PSI does not matter.")] = 0.2,
    minimum_rows: Annotated[int, typer.Option(min=1, help="With fewer rows nothing is said.")] = 200,
    html: Annotated[Path | None, typer.Option(help="Write a page with distributions here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two files. Needs no cloud. Exit status: 0 no drift, 1 drift, 2 an error."""
    policy = DriftPolicy(psi_threshold=psi_threshold, minimum_rows=minimum_rows)
    try:
        found = compare_tables(TabularFile(reference), TabularFile(current), policy=policy, only=columns or ())
    except EvertrainError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from error
    if html is not None:
        page = DriftPage(
            title=f"{current.name} against {reference.name}",
            before=reference.name,
            after=current.name,
            status=found.status,
            reference=found.reference,
            sketch=found.sketch,
            features=found.features,
            left_out=found.left_out,
        )
        html.write_text(page.render(), encoding="utf-8")
    if as_json:
        print(
            json.dumps(
                {
                    "status": found.status.value,
                    "reference_rows": found.reference.rows,
                    "rows": found.sketch.rows,
                    "left_out": list(found.left_out),
                    "features": [asdict(feature) for feature in found.features],
                },
                indent=2,
            )
        )
    else:
        show_drift(found, html=html)
    if found.status is DriftStatus.DRIFTED:
        raise typer.Exit(1)
