"""`evertrain backtest`: what the loop would have done on one's own history. Needs no cloud."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from evertrain.cli.options import (
    Dates,
    Decimal,
    Encoding,
    InvalidOption,
    Rows,
    Separator,
    Thousands,
    duration_option,
    file_format_option,
    progress_bars,
)
from evertrain.domain.project.metric import Metric
from evertrain.replay.defaults import Columns
from evertrain.replay.document import backtest_document
from evertrain.replay.page import backtest_page
from evertrain.replay.policies import POLICIES, require_known
from evertrain.replay.run import Request, prepare, run_backtest
from evertrain.terminal.backtest_table import show_backtest
from evertrain.terminal.console import console


def backtest(
    rows: Rows,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="a folder below models/; with --estimator none is needed")
    ] = "",
    estimator: Annotated[
        str | None, typer.Option(help="Instead of a folder: hist_gradient_boosting or linear, on all columns.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="With --estimator: the column that is predicted.")] = None,
    positive: Annotated[
        str | None,
        typer.Option(help="With --estimator, of a label of text: the class that is predicted, such as yes."),
    ] = None,
    event_time: Annotated[
        str | None, typer.Option(help="With --estimator: when a row happened; by default the only column of times.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="With --estimator: the column that names a row, if any.")] = None,
    metric: Annotated[Metric | None, typer.Option(help="With --estimator: how models are judged.")] = None,
    label_time: Annotated[
        str | None, typer.Option(help="The column that says when a label became known, instead of --latency.")
    ] = None,
    latency: Annotated[
        str | None, typer.Option(help="How long after its row a label is known, such as 7d; by default the model's.")
    ] = None,
    batch: Annotated[
        str | None, typer.Option(help="How long a batch is, such as 1d; by default a day, or more of few rows.")
    ] = None,
    offset: Annotated[str, typer.Option(help="When the first batch of a day begins, after midnight UTC.")] = "",
    policies: Annotated[
        list[str] | None,
        typer.Option(
            "--policy", help=f"What is compared; may be repeated. Known: {', '.join(POLICIES)}, periodic:N."
        ),
    ] = None,
    separator: Separator = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
    encoding: Encoding = None,
    dates: Dates = None,
    start: Annotated[str | None, typer.Option(help="No decision before this time, such as 2025-03-01.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another one trains other models.")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Policies at once; by default one a processor.")] = None,
    kept_in: Annotated[
        Path, typer.Option(help="Where finished policies are kept, so that an interrupted run goes on.")
    ] = Path(".evertrain/backtests"),
    project: Annotated[Path, typer.Option(help="The folder with models/ and features/.")] = Path(),
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all of it here.")] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write a page here: metric over time, costs, what was decided when.")
    ] = None,
) -> None:
    """Replay your history: would retraining have helped, how often, and which policy is best?"""
    if estimator is None and not model:
        raise InvalidOption("name a MODEL below models/, or an --estimator such as hist_gradient_boosting")
    if estimator is not None and label is None:
        raise InvalidOption("--estimator needs --label: the column that is predicted")
    chosen = tuple(dict.fromkeys(policies or POLICIES))
    for policy in chosen:
        require_known(policy)
    request = Request(
        rows=rows,
        model=model or "rows",
        project=project,
        estimator=estimator,
        columns=Columns(label=label or "", positive=positive, event_time=event_time, key=key, label_time=label_time),
        metric=metric,
        latency=duration_option("--latency", latency) if latency else None,
        batch=duration_option("--batch", batch) if batch else None,
        offset=duration_option("--offset", offset) if offset else timedelta(0),
        start=_time("--start", start) if start else None,
        seed=seed,
        file_format=file_format_option(
            separator=separator, decimal=decimal, thousands=thousands, encoding=encoding, dates=dates
        ),
    )
    prepared = prepare(request)
    with progress_bars() as progress:
        bars = {policy: progress.add_task(policy, total=len(prepared.history.steps)) for policy in chosen}
        found = run_backtest(
            request,
            prepared,
            chosen,
            workers=workers or os.cpu_count() or 1,
            kept_in=kept_in,
            on_progress=lambda policy, done: progress.update(bars[policy], completed=done),
        )
    written = []
    if json_file is not None:
        written.append(_write(json_file, json.dumps(backtest_document(found), indent=1) + "\n"))
    if html_file is not None:
        written.append(_write(html_file, backtest_page(found, prepared.history).render()))
    show_backtest(found, prepared.history, left_out=prepared.left_out, written=written)
    if estimator is not None and latency is None and label_time is None:
        console.print("labels count as known at once; with --latency 7d they would come a week later", style="yellow")
    if not found.scored:
        raise typer.Exit(1)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _time(option: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidOption(f"{option} {text}: a time is written as 2025-03-01 or 2025-03-01T06:00+00:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
