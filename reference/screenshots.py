"""`make screenshots`: the pages as pictures for docs/, by Chromium (Debian's package `chromium`), of the notebook's
trips."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import evertrain
from evertrain.api.tables import path_or_table
from evertrain.replay.defaults import Columns
from evertrain.replay.estimators import own_estimator
from evertrain.replay.loop import ReplayedLoop
from evertrain.replay.raw_rows import raw_rows_in_memory
from evertrain.replay.result import Recorder
from evertrain.replay.run import Request, prepare
from evertrain.reports.retraining_page import RetrainingPage
from evertrain.use_cases.training.read_retraining import ReadRetraining
from reference.notebook import NOTEBOOK, names_after

WIDTH = 1_080
"""Pixels, as heights are."""

MAX_BYTES = 150_000
"""Of a picture: it is loaded with the page that shows it."""


def main(docs: Path) -> None:
    names = names_after((docs / NOTEBOOK).read_text(encoding="utf-8"))
    for name, height, page in _pages(names):
        picture = docs / "images" / f"{name}.png"
        picture.parent.mkdir(exist_ok=True)
        _photograph(page, picture, height)
        size = picture.stat().st_size
        print(f"{picture}: {size:,} bytes")
        if size > MAX_BYTES:
            raise SystemExit(f"{picture} is larger than {MAX_BYTES:,} bytes: show less of the page")


def _pages(names: dict[str, Any]) -> Iterator[tuple[str, int, str]]:
    """The name of each picture, its height, and the page."""
    yield "drift_page", 720, evertrain.drift(names["spring"], names["later"], columns=names["features"]).to_html()
    yield "backtest_page", 765, names["found"].to_html()
    yield "retraining_page", 845, _retraining(names).render()


def _retraining(names: dict[str, Any]) -> RetrainingPage:
    """The one that answered the change in August."""
    rows = raw_rows_in_memory("trips", path_or_table(names["trips"], "trips"), infer_kinds=True)
    request = Request(
        rows=rows,
        model="trips",
        project=Path(),
        estimator=own_estimator(names["estimator"]),
        columns=Columns(label="late", key="trip_id"),
        metric=None,
        latency=timedelta(days=3),
        batch=None,
        offset=timedelta(0),
        start=None,
        seed=0,
    )
    prepared = prepare(request)
    recorder = Recorder(history=prepared.history)
    loop = ReplayedLoop(
        history=prepared.history, make_estimator=prepared.make_estimator, recorder=recorder, seed=request.seed
    )
    for step in prepared.history.steps:
        loop.step(step)
    answer = next(each for each in recorder.decisions if each.reason == "performance_fell")
    read = ReadRetraining(registry=loop.registry, decisions=loop.decisions, runs=loop.runs)
    return read.run("trips", answer.version)


def _photograph(page: str, picture: Path, height: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(page, encoding="utf-8")
        options = [
            "--headless=new",
            "--no-sandbox",  # the page is our own, and in a container there is none
            "--hide-scrollbars",
            "--force-device-scale-factor=1",
            f"--window-size={WIDTH},{height}",
            f"--user-data-dir={folder}/profile",
            f"--screenshot={picture.resolve()}",
        ]
        subprocess.run(["chromium", *options, file.as_uri()], check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
