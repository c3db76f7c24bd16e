"""A whole backtest: each policy in a process of its own, what has been replayed kept for the next time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from typing import Any

from joblib import Parallel, delayed
from sklearn.base import is_regressor
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from evertrain.adapters.documents import InvalidDocument, dump, load
from evertrain.adapters.project.files import load_project
from evertrain.adapters.training.estimators import estimator_path, load_estimator
from evertrain.adapters.training.own_metrics import load_own_metric, model_code
from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.feature_group import FeatureGroup
from evertrain.domain.project.file_format import UNDECLARED, FileFormat
from evertrain.domain.project.metric import Metric, Task
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.training.evaluation import EstimatorFailed
from evertrain.replay.comparison import Backtest, compare_policies
from evertrain.replay.defaults import Columns, infer_model, with_default_policies
from evertrain.replay.estimators import MakeEstimator, built_in_estimator
from evertrain.replay.history import History, InvalidHistory, Rhythm, Step, read_history
from evertrain.replay.policies import replay
from evertrain.replay.raw_rows import RawRows, read_raw_rows
from evertrain.replay.result import PolicyResult


class UnknownModel(EvertrainError):
    """There is no such folder below models/."""

    exit_status = 2


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked for. `rows`: a file, a folder or a pattern, here or in S3, or what was read of a table in memory.
    `estimator`: a built-in one or what makes one, where the model has no folder; `columns` say then what the rows are
    made of. `batch`: None where it is to be chosen. `model_text`: what stands for the folder's model.toml.
    `first_batches`: only so many are replayed. `file_format`: what of the rows' files is declared, before what the
    group declares."""

    rows: str | RawRows
    model: str
    project: Path
    estimator: str | MakeEstimator | None
    columns: Columns
    metric: Metric | None
    latency: timedelta | None
    batch: timedelta | None
    offset: timedelta
    start: datetime | None
    seed: int
    file_format: FileFormat = UNDECLARED
    model_text: str | None = None
    first_batches: int | None = None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """`start`: the number of the first step in which anything is decided. `digest`: of all that results depend on,
    where the rows are a file and the estimator has a name. `root`: of the project. `estimator_file`: where the
    estimator is made, if in a file of the project."""

    history: History
    make_estimator: MakeEstimator
    left_out: Mapping[str, str]
    start: int
    digest: str
    root: Path
    estimator_file: str


def prepare(request: Request) -> Prepared:
    """Raises InvalidHistory, UnreadableRows, UnknownModel, UnknownEstimator, InvalidProject, InvalidEstimator,
    InvalidMetric."""
    rhythm, label_time = Rhythm(batch=request.batch, offset=request.offset), request.columns.label_time
    if request.estimator is None:
        spec, left_out = _declared(request), {}
        rhythm = replace(rhythm, batch=rhythm.batch or spec.group.batch.every)
        raw = _raw_rows(request, request.file_format.or_else(spec.group.format))
        history = read_history(raw, spec, rhythm, label_time=label_time)
        history = replace(history, own_metric=load_own_metric(request.project, spec))
        make = _estimator_of_folder(request.project, request.model)
    else:
        raw = _raw_rows(request, request.file_format)
        inferred = infer_model(
            raw,
            request.columns,
            name=request.model,
            latency=request.latency or timedelta(0),
            metric=request.metric,
            task=_task_of(request),
        )
        left_out = inferred.left_out
        history = with_default_policies(read_history(inferred.rows, inferred.spec, rhythm, label_time=label_time))
        given = request.estimator
        make = built_in_estimator(given, inferred.spec.task) if isinstance(given, str) else given
    if request.first_batches is not None:
        history = history.first_steps(request.first_batches)
    return Prepared(
        history=history,
        make_estimator=make,
        left_out=left_out,
        start=_first_step(history, request.start, raw.name),
        digest=_digest(raw, history, request),
        root=request.project,
        estimator_file="" if request.estimator else str(estimator_path(Path(), request.model)),
    )


def run_backtest(
    request: Request,
    prepared: Prepared,
    policies: Sequence[str],
    *,
    workers: int,
    kept_in: Path,
    on_progress: Callable[[str, int], None],
) -> Backtest:
    """Of a file and an estimator that has a name: each policy's process reads and makes them by itself.

    `kept_in`: results of earlier runs, by what they depend on. `on_progress`: called with a policy and how many of
    its steps are done.
    """
    folder = kept_in / prepared.digest
    results = {policy: found for policy in policies if (found := _find_result(folder, policy)) is not None}
    for policy in results:
        on_progress(policy, len(prepared.history.steps))
    missing = [policy for policy in policies if policy not in results]
    for result in _replay_all(request, missing, workers=workers, on_progress=on_progress):
        results[result.policy] = result
        _keep_result(folder, result)
    return compare_policies(prepared.history, [results[policy] for policy in policies], start=prepared.start)


def run_by_value(prepared: Prepared, policies: Sequence[str], *, seed: int, workers: int) -> Backtest:
    """Of rows and an estimator that only this process has: they are handed to other processes as they are, also what
    was defined in a notebook. Nothing is kept."""
    replays = (delayed(_replay)(prepared, policy, seed, on_step=_tell_nobody) for policy in policies)
    results = Parallel(n_jobs=min(workers, len(policies)))(replays)
    return compare_policies(prepared.history, results, start=prepared.start)


def _task_of(request: Request) -> Task | None:
    """Of an estimator that is there; one by name takes what the label is."""
    given = request.estimator
    if given is None or isinstance(given, str):
        return None
    return Task.REGRESSION if is_regressor(given(request.seed, {})) else None


def _tell_nobody(step: Step) -> None:
    """Nobody watches how far a replay is."""


def _replay_all(
    request: Request, policies: Sequence[str], *, workers: int, on_progress: Callable[[str, int], None]
) -> Iterator[PolicyResult]:
    if not policies:
        return
    # A new interpreter for each: threads of Arrow and OpenMP do not survive a fork.
    context = get_context("spawn")
    with (
        context.Manager() as manager,
        ProcessPoolExecutor(min(workers, len(policies)), mp_context=context) as pool,
    ):
        progress = manager.Queue()
        waiting = {pool.submit(_replay_one, request, policy, progress) for policy in policies}
        while waiting:
            done, waiting = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
            _report(progress, on_progress)
            for future in done:
                yield future.result()


def _replay_one(request: Request, policy: str, progress: Any) -> PolicyResult:
    return _replay(
        prepare(request), policy, request.seed, on_step=lambda step: progress.put((policy, step.number + 1))
    )


def _replay(prepared: Prepared, policy: str, seed: int, *, on_step: Callable[[Step], None]) -> PolicyResult:
    """Raises EstimatorFailed."""
    try:
        with threadpool_limits(limits=1):  # the policies share the processors
            return replay(
                prepared.history,
                policy,
                make_estimator=prepared.make_estimator,
                seed=seed,
                start=prepared.start,
                on_step=on_step,
                root=prepared.root,
            )
    except EstimatorFailed as error:
        if not prepared.estimator_file:
            raise
        raise error.in_file(prepared.estimator_file) from error


def _report(progress: Any, on_progress: Callable[[str, int], None]) -> None:
    while True:
        try:
            on_progress(*progress.get_nowait())
        except Empty:
            return


# --- what is asked for ----------------------------------------------------------------------------


def _declared(request: Request) -> ModelSpec:
    """As its folder says, all features in one file. Raises UnknownModel, InvalidProject."""
    texts = {} if request.model_text is None else {request.model: request.model_text}
    project = load_project(request.project, model_texts=texts)
    if request.model not in project.models:
        known = ", ".join(sorted(project.models))
        raise UnknownModel(
            f"there is no models/{request.model}/; known models: {known}; with an --estimator no folder is needed"
        )
    spec = project.models[request.model]
    label = spec.label if request.latency is None else replace(spec.label, latency=request.latency)
    if label.latency > spec.training.embargo:
        spec = replace(spec, training=replace(spec.training, embargo=label.latency))
    group = FeatureGroup(
        name=spec.group.name,
        entity_key=spec.group.entity_key,
        event_time=spec.group.event_time,
        columns=spec.features,
        batch=spec.group.batch,
        utc_offset=spec.group.utc_offset,
    )
    return replace(spec, group=group, joined=(), label=replace(label, of_predictions=False))


def _raw_rows(request: Request, declared: FileFormat) -> RawRows:
    if isinstance(request.rows, RawRows):
        return request.rows
    return read_raw_rows(request.rows, infer_kinds=request.estimator is not None, file_format=declared)


def _estimator_of_folder(project: Path, model: str) -> MakeEstimator:
    return lambda seed, parameters: load_estimator(project, model, seed=seed, parameters=parameters)


def _first_step(history: History, start: datetime | None, name: str) -> int:
    """`name`: of the rows."""
    if start is None:
        return 0
    later = (step.number for step in history.steps if step.now > start)
    first = next(later, None)
    if first is None:
        raise InvalidHistory(f"--start {start:%Y-%m-%d} is after the last row of {name}")
    return first


# --- what is kept ---------------------------------------------------------------------------------


def _digest(raw: RawRows, history: History, request: Request) -> str:
    """Of the rows, the model and the program: another one gives other results."""
    program = sha256()
    package = Path(__file__).resolve().parents[1]
    paths = sorted(package.rglob("*.py"))
    if request.estimator is None:
        paths += model_code(request.project, request.model)
    for path in paths:
        program.update(path.read_bytes())
    asked = replace(request, rows="", project=Path(), model_text=None)  # of which the spec tells
    parts = [raw.sha256, program.hexdigest(), repr(history.spec), repr(asked)]
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


def _path(folder: Path, policy: str) -> Path:
    return folder / f"{policy.replace(':', '-')}.json"


def _find_result(folder: Path, policy: str) -> PolicyResult | None:
    try:
        return load(PolicyResult, _path(folder, policy).read_bytes())
    except (OSError, InvalidDocument):
        return None


def _keep_result(folder: Path, result: PolicyResult) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = _path(folder, result.policy)
    partial = path.with_suffix(".partial")
    partial.write_bytes(dump(result))
    partial.replace(path)  # whole, or not at all
