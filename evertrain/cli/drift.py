"""`evertrain drift`: compares two files, or judges what has landed for a model.

Comparing files imports no cloud client: that would take longer than the work.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from evertrain.api.drift import drift as compare
from evertrain.cli.options import Dates, Decimal, Encoding, Separator, Thousands, file_format_option
from evertrain.domain.errors import EvertrainError
from evertrain.domain.monitoring.drift import DriftStatus
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.policies import DriftRule
from evertrain.reports.drift_page import DriftPage
from evertrain.statistics.verdict import PSI_THRESHOLD
from evertrain.terminal.drift_table import show_drift


class InvalidUsage(EvertrainError):
    """The arguments name neither two files nor a model, or both."""

    exit_status = 2


def drift(
    before: Annotated[
        str | None,
        typer.Argument(
            help="Parquet, Arrow, CSV or JSON Lines, a folder or pattern of such files, also s3://bucket/prefix: "
            "the reference"
        ),
    ] = None,
    after: Annotated[str | None, typer.Argument(help="the same of any of these: what is judged")] = None,
    model: Annotated[str | None, typer.Option(help="Instead of files: what has landed for this model.")] = None,
    since: Annotated[str, typer.Option(help="With --model: how far back, such as 36h.")] = "7d",
    requests: Annotated[
        bool, typer.Option("--requests", help="With --model: what the endpoint was asked, and answered.")
    ] = False,
    group: Annotated[
        str | None, typer.Option(help="With --model: which of its feature groups, if not its own.")
    ] = None,
    columns: Annotated[list[str] | None, typer.Option("--column", help="Compare this one; may be repeated.")] = None,
    event_time: Annotated[
        str | None,
        typer.Option(help="Of files: the column with the rows' times; others are compared by their age then."),
    ] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="COLUMN=KIND",
            help="Of files: what a column holds (numeric, categorical, boolean, timestamp); may be repeated.",
        ),
    ] = None,
    rule: Annotated[DriftRule, typer.Option(help="Of files: what counts as drift.")] = DriftRule.CALIBRATED,
    psi_threshold: Annotated[
        float, typer.Option(min=0, help="Of files: a smaller PSI does not matter.")
    ] = PSI_THRESHOLD,
    minimum_rows: Annotated[int, typer.Option(min=1, help="Of files: with fewer rows nothing is said.")] = 200,
    separator: Separator = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
    encoding: Encoding = None,
    dates: Dates = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with distributions here.")] = None,
    stage: Annotated[str, typer.Option(envvar="EVERTRAIN_STAGE", help="Which deployment.")] = "dev",
    project: Annotated[Path, typer.Option(help="The folder with models/ and features/.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two files, or judge what has landed. Exit status: 0 no drift, 1 drift, 2 an error."""
    try:
        if model is not None and before is None:
            page = _judge_landed(model, since, group=group, requests=requests, stage=stage, project=project)
        elif model is None and before is not None and after is not None:
            page = compare(
                before,
                after,
                event_time=event_time,
                kinds=_declared_kinds(kinds or []),
                columns=columns or [],
                rule=rule,
                psi_threshold=psi_threshold,
                minimum_rows=minimum_rows,
                file_format=file_format_option(
                    separator=separator, decimal=decimal, thousands=thousands, encoding=encoding, dates=dates
                ),
            ).page
        else:
            raise InvalidUsage(
                "name two files, or a model: evertrain drift BEFORE AFTER, or evertrain drift --model MODEL"
            )
    except EvertrainError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from error
    if html is not None:
        html.write_text(page.render(), encoding="utf-8")
    if as_json:
        print(json.dumps(page.to_dict(), indent=2))
    else:
        show_drift(page, html=html)
    if page.findings.status is DriftStatus.DRIFTED:
        raise typer.Exit(1)


def _declared_kinds(options: list[str]) -> dict[str, FeatureKind]:
    found = {}
    for option in options:
        name, _, kind = option.rpartition("=")
        if not name or kind not in tuple(FeatureKind):
            raise InvalidUsage(
                f"--kind {option}: name a column and {', '.join(FeatureKind)}, such as zip=categorical"
            )
        found[name] = FeatureKind(kind)
    return found


def _judge_landed(
    model: str, since: str, *, group: str | None, requests: bool, stage: str, project: Path
) -> DriftPage:
    from evertrain.cli.landed_drift import landed_drift  # noqa: PLC0415  # brings boto3

    return landed_drift(model, since, group=group, requests=requests, stage=stage, project=project)
