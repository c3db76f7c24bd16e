"""`evertrain tune`: would other settings of a model's policy have done better on one's own history?"""

import json
import os
from datetime import timedelta
from math import inf, isinf
from pathlib import Path
from typing import Annotated, Any

import typer

from evertrain.adapters.project.files import model_path
from evertrain.cli.options import (
    Dates,
    Decimal,
    Encoding,
    Rows,
    Separator,
    Thousands,
    duration_option,
    file_format_option,
    progress_bars,
)
from evertrain.domain.errors import EvertrainError
from evertrain.replay.defaults import Columns
from evertrain.replay.run import Request
from evertrain.replay.settings import Setting
from evertrain.replay.tuning import Trial, Tuning, tune
from evertrain.terminal.tuning_table import show_tuning


class NotWritten(EvertrainError):
    """The model.toml stays as it is."""

    exit_status = 2


def tune_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="a folder below models/")],
    rows: Rows,
    label_time: Annotated[
        str | None, typer.Option(help="The column that says when a label became known, instead of --latency.")
    ] = None,
    latency: Annotated[
        str | None, typer.Option(help="How long after its row a label is known; by default the model's.")
    ] = None,
    batch: Annotated[str | None, typer.Option(help="How long a batch is, such as 1d; by default a day.")] = None,
    offset: Annotated[str, typer.Option(help="When the first batch of a day begins, after midnight UTC.")] = "",
    separator: Separator = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
    encoding: Encoding = None,
    dates: Dates = None,
    trials: Annotated[int, typer.Option(min=4, max=100, help="Settings to try, what is declared among them.")] = 12,
    unseen: Annotated[
        float, typer.Option(min=0.2, max=0.8, help="The last share of the batches: what was found is shown on them.")
    ] = 0.4,
    seed: Annotated[int, typer.Option(min=0, help="Another one trains other models.")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Replays at once; by default one a processor.")] = None,
    kept_in: Annotated[
        Path, typer.Option(help="Where finished replays are kept, so that an interrupted run goes on.")
    ] = Path(".evertrain/backtests"),
    project: Annotated[Path, typer.Option(help="The folder with models/ and features/.")] = Path(),
    write: Annotated[
        bool, typer.Option("--write", help="Write it into model.toml, if the unseen batches confirm it.")
    ] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="With --write: also if they do not.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all of it here.")] = None,
) -> None:
    """Search settings of the policy on the first part of your history, and show them on the part not seen."""
    request = Request(
        rows=rows,
        model=model,
        project=project,
        estimator=None,
        columns=Columns(label="", label_time=label_time),
        metric=None,
        latency=duration_option("--latency", latency) if latency else None,
        batch=duration_option("--batch", batch) if batch else None,
        offset=duration_option("--offset", offset) if offset else timedelta(0),
        start=None,
        seed=seed,
        file_format=file_format_option(
            separator=separator, decimal=decimal, thousands=thousands, encoding=encoding, dates=dates
        ),
    )
    path = model_path(project, model)
    if write and path.exists() and not os.access(path, os.W_OK):
        raise NotWritten(f"{path} cannot be written; make it writable, or leave out --write")
    with progress_bars() as progress:
        bars: dict[tuple[Setting, int], Any] = {}

        def on_progress(setting: Setting, done: int, of: int) -> None:
            if (setting, of) not in bars:
                bars[setting, of] = progress.add_task(str(setting)[:48], total=of)
            progress.update(bars[setting, of], completed=done)

        found = tune(
            request,
            trials=trials,
            unseen_share=unseen,
            workers=workers or os.cpu_count() or 1,
            kept_in=kept_in,
            on_progress=on_progress,
        )
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(to_document(found), indent=1) + "\n", encoding="utf-8")
    is_written = write and found.proof is not None and (found.is_confirmed or anyway)
    if is_written:
        partial = path.with_name("model.toml.partial")
        partial.write_text(found.text, encoding="utf-8")
        partial.replace(path)  # whole, or not at all
    show_tuning(found, written=path if is_written else None, asked=write)


def to_document(found: Tuning) -> dict[str, Any]:
    """As `--json` writes it."""
    proof = found.proof
    return {
        "answer": found.answer,
        "metric_name": found.metric.value,
        "searched_batches": found.searched,
        "unseen_batches": found.unseen,
        "chosen": _values(found.chosen),
        "confirmed": found.is_confirmed,
        "trials": [_trial(each) for each in found.trials],
        "proof": proof
        and {
            "declared": proof.declared,
            "chosen": proof.chosen,
            "difference": proof.difference.value,
            "interval": None if isinf(proof.difference.standard_error) else list(proof.difference.interval),
            "declared_retrains": proof.declared_retrains,
            "chosen_retrains": proof.chosen_retrains,
        },
    }


def _values(setting: Setting) -> dict[str, Any]:
    """JSON knows no infinity; TOML does, by this name."""
    return {key: "inf" if value == inf else value for key, value in setting.values}


def _trial(trial: Trial) -> dict[str, Any]:
    error = trial.difference.standard_error
    return {
        "setting": _values(trial.setting),
        "metric": trial.metric,
        "difference": trial.difference.value,
        "standard_error": None if isinf(error) else error,
        "batches": trial.difference.batches,
        "retrains": trial.retrains,
    }
