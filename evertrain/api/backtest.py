"""Would retraining have helped? In Python, on whatever holds the rows, with one's own estimator."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evertrain.api.pages import page_in_notebook
from evertrain.api.tables import Table, path_or_table
from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.duration import parse_duration
from evertrain.domain.project.file_format import UNDECLARED, FileFormat
from evertrain.domain.project.metric import Metric
from evertrain.replay.comparison import Backtest as Replayed
from evertrain.replay.defaults import Columns
from evertrain.replay.differences import Difference
from evertrain.replay.document import backtest_document
from evertrain.replay.estimators import MakeEstimator, own_estimator
from evertrain.replay.page import backtest_page
from evertrain.replay.policies import POLICIES, require_known
from evertrain.replay.raw_rows import RawRows, raw_rows_in_memory
from evertrain.replay.result import PolicyResult
from evertrain.replay.run import Request, prepare, run_by_value
from evertrain.reports.backtest_page import BacktestPage

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Backtest", "backtest"]

Length = str | timedelta
"""Such as "3d", "36h", "90m" or "0d", or a timedelta."""


class InvalidArgument(EvertrainError):
    """An argument is missing, or not one that can be used."""

    exit_status = 2


@dataclass(frozen=True, repr=False)
class Backtest:
    """What a replay found. A notebook shows it as a page: the metric over time, costs, and what was decided when."""

    replayed: Replayed
    page: BacktestPage
    unused: Mapping[str, str]

    @property
    def answer(self) -> str:
        """Whether retraining would have helped, in one sentence."""
        return self.replayed.answer

    @property
    def metric_name(self) -> str:
        """Such as `roc_auc_score`."""
        return self.replayed.metric_name

    @property
    def left_out(self) -> Mapping[str, str]:
        """Columns that no model learnt from, and why."""
        return self.unused

    @property
    def policies(self) -> Mapping[str, PolicyResult]:
        """By name: `metric`, `regret`, `metric_by_batch`, `retrains`, `promotions`, `rejections`, `holds`,
        `escalations`, `decisions` and what else docs/backtest.md tells of a policy."""
        return {each.policy: each for each in self.replayed.results}

    def to_dict(self) -> dict[str, object]:
        """As `evertrain backtest --json FILE` writes it."""
        return backtest_document(self.replayed)

    def to_frame(self) -> "pd.DataFrame":
        """A row for each policy: its metric and regret, its gain over never retraining with the ends of a 90 %
        interval (NaN where that is not known), what it did how often, and the seconds of its fits."""
        import pandas as pd  # noqa: PLC0415  # nothing else here needs it

        return pd.DataFrame(
            [_summary(each, self.replayed.gains.get(each.policy)) for each in self.replayed.results]
        ).set_index("policy")

    def to_html(self) -> str:
        """One page that needs no other file."""
        return self.page.render()

    def _repr_html_(self) -> str:
        return page_in_notebook(self.to_html())

    def __repr__(self) -> str:
        return f"<Backtest: {self.answer}>"

    def __str__(self) -> str:
        return self.answer


def backtest(
    rows: Table,
    *,
    label: str | None = None,
    positive: str | None = None,
    latency: Length | None = None,
    estimator: Any = None,
    model: str = "",
    project: str | PathLike[str] = ".",
    event_time: str | None = None,
    key: str | None = None,
    label_time: str | None = None,
    metric: str | None = None,
    batch: Length | None = None,
    offset: Length = timedelta(0),
    policies: Sequence[str] = POLICIES,
    start: str | datetime | None = None,
    seed: int = 0,
    workers: int | None = None,
    file_format: FileFormat = UNDECLARED,
) -> Backtest:
    """Replays a history: when would which policy have retrained, and how good would predictions have been?

    rows: your history; paths or a table as of `drift`.
    label: the column that is predicted: 0 and 1, two words or more, or a number; a few whole numbers without a gap
        are classes, unless estimator or metric are of numbers. positive: of two words the one whose probability is
        predicted; by default what looks like it, such as yes, or the rarer one.
    latency: how long after its row a label is known.
    estimator: an unfitted scikit-learn estimator, a function `make_estimator(*, seed)` that makes one, or
        `hist_gradient_boosting` or `linear`. It gets a frame of all other columns, texts as categories.
    model: instead of `label` and `estimator`, a folder below `models/` of the project, which has both.
    project: the folder with `models/` and `features/`.
    event_time: the column that says when a row happened; by default the only one of times.
    key: the column that names a row, if any.
    label_time: instead of `latency`, the column that says when a label became known.
    metric: how models are judged, such as `roc_auc_score`; by default by what is predicted.
    batch: how long a batch is; by default a day, or more of few rows. offset: when a day's first one begins, after
        midnight UTC.
    policies: what is compared: the loop's own `declared`, `never`, `periodic`, `periodic:N`, `every_batch`, `adwin`.
    start: no decision before this time. seed: another one trains other models.
    workers: policies at once, each in a process; by default one a processor. 1: all in this process.
    file_format: how a file of text is written, where that cannot be found out.

    Raises EvertrainError: the rows cannot be replayed, or an argument cannot be used.
    """
    chosen = tuple(dict.fromkeys(policies))
    for policy in chosen:
        require_known(policy)
    request = Request(
        rows=_rows(rows, infer_kinds=not model),
        model=model or "rows",
        project=Path(project),
        estimator=_estimator(estimator, model, label, seed),
        columns=Columns(label=label or "", positive=positive, event_time=event_time, key=key, label_time=label_time),
        metric=None if metric is None else _metric(metric),
        latency=_latency(latency, label_time, model),
        batch=None if batch is None else _length("batch", batch),
        offset=_length("offset", offset),
        start=None if start is None else _time("start", start),
        seed=seed,
        file_format=file_format,
    )
    prepared = prepare(request)
    found = run_by_value(prepared, chosen, seed=seed, workers=workers or os.cpu_count() or 1)
    return Backtest(replayed=found, page=backtest_page(found, prepared.history), unused=prepared.left_out)


def _rows(given: Table, *, infer_kinds: bool) -> str | RawRows:
    found = path_or_table(given, "rows")
    return found if isinstance(found, str) else raw_rows_in_memory("the table", found, infer_kinds=infer_kinds)


def _estimator(given: Any, model: str, label: str | None, seed: int) -> str | MakeEstimator | None:
    """None where the model's folder has one. Made once, so that what cannot be made is told at once."""
    if model:
        if given is not None or label is not None:
            raise InvalidArgument(f"models/{model}/ has a label and an estimator of its own: leave both out")
        return None
    if given is None:
        raise InvalidArgument("name an estimator, such as LogisticRegression() or 'linear', or a model of a project")
    if label is None:
        raise InvalidArgument("name the label: the column that is predicted")
    if isinstance(given, str):
        return given
    make = own_estimator(given)
    make(seed, {})
    return make


def _latency(given: Length | None, label_time: str | None, model: str) -> timedelta | None:
    if given is None and label_time is None and not model:
        raise InvalidArgument(
            'say when a label is known: latency="7d" is a week after its row, "0d" at once; or name a label_time'
        )
    return None if given is None else _length("latency", given)


def _length(argument: str, given: Length) -> timedelta:
    if isinstance(given, timedelta):
        return given
    try:
        return timedelta(0) if given == "0d" else parse_duration(given)
    except ValueError as error:
        raise InvalidArgument(f"{argument} {given}: {error}") from error


def _time(argument: str, given: str | datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(given) if isinstance(given, str) else given
    except ValueError as error:
        raise InvalidArgument(
            f"{argument} {given}: a time is written as 2025-03-01 or 2025-03-01T06:00+00:00"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _metric(given: str) -> Metric:
    try:
        return Metric(given)
    except ValueError as error:
        raise InvalidArgument(f"there is no metric {given}; known are {', '.join(Metric)}") from error


def _summary(result: PolicyResult, gain: Difference | None) -> dict[str, object]:
    low, high = (None, None) if gain is None else gain.known_interval
    return {
        "policy": result.policy,
        "metric": result.metric,
        "regret": result.regret,
        "gain": None if gain is None else gain.value,
        "gain_low": low,
        "gain_high": high,
        "retrains": result.retrains,
        "promotions": result.promotions,
        "rejections": result.rejections,
        "holds": result.holds,
        "escalations": result.escalations,
        "quarantined": len(result.quarantined),
        "drifted": len(result.drifted),
        "doubted": len(result.doubted),
        "fits": result.fits,
        "fit_seconds": result.fit_seconds,
    }
