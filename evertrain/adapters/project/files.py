"""Reads a project's TOML files into a `Project`. Every fault is named with its file, its key and what is allowed."""

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import timedelta
from math import prod
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from evertrain.adapters.project.schema import (
    KNOWN_METRICS,
    OWN_METRIC,
    CostTable,
    FeaturesTable,
    GroupFile,
    ModelFile,
    TomlTable,
    table_in,
)
from evertrain.adapters.project.toml_lines import line_of
from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.feeds import EVENT_TIME, INGESTED_AT, INGESTED_MONTH
from evertrain.domain.landing.predictions import (
    EXPLORE_SHARE,
    EXPLORED,
    LABEL_WEIGHT,
    MODEL_VERSION,
    PREDICTED_CLASS,
    PREDICTION,
    PREDICTION_ID,
)
from evertrain.domain.project.defaults import USUAL_BATCH, default_training
from evertrain.domain.project.duration import format_duration
from evertrain.domain.project.feature_group import FeatureGroup, FeatureKind
from evertrain.domain.project.metric import (
    METRIC_FILE,
    PINBALL_LOSS,
    GuardMetric,
    Metric,
    OwnMetric,
    PinballLoss,
    Task,
    known_metrics,
)
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.project.policies import MAX_APPROVAL_TIMEOUT
from evertrain.domain.project.prediction import MAX_CLASSES, probability_columns
from evertrain.domain.training.task_sizes import FARGATE_MEMORY_MIB

RESERVED_COLUMNS = (
    EVENT_TIME,
    INGESTED_AT,
    INGESTED_MONTH,
    PREDICTION_ID,
    MODEL_VERSION,
    PREDICTION,
    EXPLORED,
    EXPLORE_SHARE,
    LABEL_WEIGHT,
)
"""Tables of the feature store have columns of these names besides the group's own."""

MAX_CANDIDATES = 100
"""Of a retraining: each is a container."""


class InvalidProject(EvertrainError):
    """Something in the project's TOML files is not right. Lines of `file:line: key: what, what is allowed`."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def model_path(root: Path, model: str) -> Path:
    return root / "models" / model / "model.toml"


def load_project(root: Path, *, model_texts: Mapping[str, str] | None = None) -> Project:
    """Every feature group and model below `root`. `model_texts`: by model, what stands for its model.toml. Raises
    InvalidProject with all faults of all files."""
    faults: list[str] = []
    groups: dict[str, FeatureGroup] = {}
    for path in sorted((root / "features").glob("*.toml")):
        file = path.relative_to(root)
        text = _text(path)
        read = _read(text, file, GroupFile, faults)
        if read is not None and not _collect_faults(faults, file, text, _name_faults(path.stem), _group_faults(read)):
            groups[path.stem] = read.to_group(path.stem)
    broken = {path.stem for path in (root / "features").glob("*.toml")} - groups.keys()
    models: dict[str, ModelSpec] = {}
    for path in sorted((root / "models").glob("*/model.toml")):
        file, name = path.relative_to(root), path.parent.name
        text = (model_texts or {}).get(name) or _text(path)
        declared = _read(text, file, ModelFile, faults)
        if declared is None or _collect_faults(
            faults,
            file,
            text,
            _name_faults(name),
            _metric_faults(declared, path.with_name(METRIC_FILE), root),
            _model_faults(declared, groups, broken),
        ):
            continue
        if not broken:
            models[name] = declared.to_model(name, groups)
    if not faults and not models:
        faults.append(
            "models/: no models/<name>/model.toml there; run this in the project's folder, or make "
            "one: evertrain init NAME --rows FILE"
        )
    if faults:
        raise InvalidProject(faults)
    return Project(groups=groups, models=models)


# --- what a single key cannot know ----------------------------------------------------------------


def _name_faults(name: str) -> Iterator[str]:
    # The name becomes part of bucket keys, function names and routes.
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name):
        yield f"the name {name!r} is not allowed: lower-case letters, digits and _, at most 31, a letter first"


def _group_faults(file: GroupFile) -> Iterator[str]:
    for key in ("entity_key", "event_time"):
        column = getattr(file, key)
        if column in file.columns:
            yield f"{key}: {column!r} is declared in [columns] too; a key or a time is not a feature"
    if file.batch.maximum_rows is not None and file.batch.maximum_rows < file.batch.minimum_rows:
        yield f"batch.minimum_rows: {file.batch.minimum_rows} is above maximum_rows {file.batch.maximum_rows}"
    if file.format.decimal is not None and file.format.decimal == file.format.thousands:
        yield f"format.thousands: {file.format.thousands!r} begins the fraction already (decimal)"
    if file.entity_key == file.event_time:
        yield f"entity_key: {file.entity_key!r} is the event_time too; they are two columns"
    for name, column in file.columns.items():
        if name in RESERVED_COLUMNS and name != file.event_time:
            yield f"columns.{name}: the name is reserved by the feature store; choose another"
        bounded = column.minimum is not None or column.maximum is not None
        if bounded and column.kind is not FeatureKind.NUMERIC:
            yield f"columns.{name}: minimum and maximum are for numeric columns, this one is {column.kind}"
        if column.maximum_missing is not None and not column.nullable:
            yield f"columns.{name}.maximum_missing: the column is not nullable, none may be missing"
        if column.minimum is not None and column.maximum is not None and column.minimum > column.maximum:
            yield f"columns.{name}.minimum: {column.minimum:g} is above the maximum {column.maximum:g}"


def _model_faults(file: ModelFile, groups: Mapping[str, FeatureGroup], broken: Set[str]) -> Iterator[str]:
    yield from _feature_faults(file, groups, broken)
    yield from _label_faults(file)
    yield from _explore_faults(file)
    drift = file.triggers.drift
    if drift.drifted_batches > drift.of_last:
        yield f"triggers.drift.drifted_batches: {drift.drifted_batches} of the last {drift.of_last} can never be"
    if file.training.embargo is not None and file.training.embargo < file.label.latency:
        embargo, latency = format_duration(file.training.embargo), format_duration(file.label.latency)
        description = f"{embargo} is shorter than label.latency {latency}"
        why = "labels of the last rows before validation would not have been known yet"
        yield f"training.embargo: {description}: {why}; declare at least {latency}"
    lengths = file.training.windows or []
    if len(set(lengths)) < len(lengths):
        yield "training.windows: a window is named twice"
    tried = max(1, len(lengths)) * prod(len(values) for values in file.training.search.parameters.values())
    if tried > MAX_CANDIDATES:
        yield f"training.search.parameters: {tried} candidates with the windows, {MAX_CANDIDATES} are allowed"
    yield from _gate_faults(file, groups)
    yield from _cost_faults(file.cost)
    if file.task_size is not None:
        yield from _task_size_faults(file.task_size.cpu, file.task_size.memory_mib)


def _metric_faults(file: ModelFile, own: Path, root: Path) -> Iterator[str]:
    """`own`: the file of the model's own metric, whether it is there or not."""
    metric, task, shown = file.metric_or_default, file.task_or_default, own.relative_to(root)
    known = known_metrics(task, is_multiclass=file.is_multiclass)
    if metric.task is not task or (isinstance(metric, Metric) and metric not in known):
        allowed = _join_names(known) + (f", {PINBALL_LOSS}" if task is Task.REGRESSION else "")
        yield f"metric: {metric} is not a metric of {_kind(file)}; allowed: {allowed}, or a function in {shown}"
    if file.quantile is not None and not isinstance(metric, PinballLoss):
        yield f"quantile: says nothing of {metric}; it is of {PINBALL_LOSS}"
    if not isinstance(metric, OwnMetric):
        return
    if not re.fullmatch(OWN_METRIC, metric.name):
        names = ", ".join(KNOWN_METRICS)
        yield f"metric: {metric} is none of {names}; a function in {shown} ends in _score, _error or _loss"
    else:
        yield from _own_metric_faults(metric.name, own, shown)
    if file.gate.margin is None:
        yield f"gate.margin: missing; how much worse a contender may be in {metric} is not known otherwise"


def _kind(file: ModelFile) -> str:
    """What is predicted, for people."""
    if file.task_or_default is Task.CLASSIFICATION and file.label.classes:
        return f"{file.task_or_default} of {len(file.label.classes)} classes"
    return str(file.task_or_default)


def _own_metric_faults(name: str, own: Path, shown: Path) -> Iterator[str]:
    """Without running it: what the file does is found out where it is loaded."""
    try:
        tree = ast.parse(own.read_bytes() if own.is_file() else b"")
    except SyntaxError as error:
        yield f"metric: {shown} is not Python: line {error.lineno}: {error.msg}"
        return
    if not any(isinstance(each, ast.FunctionDef) and each.name == name for each in tree.body):
        signature = f"def {name}(y_true, y_pred, sample_weight=None)"
        yield f"metric: {name} is none of scikit-learn's that are known, and {shown} has no {signature}"


def _label_faults(file: ModelFile) -> Iterator[str]:
    absent, classes = file.label.absent, file.label.classes
    if classes and file.task_or_default is not Task.CLASSIFICATION:
        yield "label.classes: only a classification has classes; leave it out"
    if len(set(classes)) < len(classes):
        yield "label.classes: one is named twice"
    elif len(classes) == 1 or len(classes) > MAX_CLASSES:
        yield (
            f"label.classes: {len(classes)} of them; name two, the one last whose probability is predicted, or up to "
            f"{MAX_CLASSES}"
        )
    if file.is_multiclass:
        taken = {PREDICTED_CLASS, *probability_columns(classes)} & {
            column for table in file.features.values() for column in table.columns
        }
        for name in sorted(taken):
            yield f"features: {name} is what a column of the prediction log is called; rename the feature"
    if absent is None:
        return
    if classes and absent not in classes:
        yield f"label.absent: {absent} is no class; allowed: {', '.join(classes)}"
    if not classes and isinstance(absent, str):
        yield f"label.absent: {absent} is no number; name the label's classes, or write a number"
    elif not classes and file.task_or_default is Task.CLASSIFICATION and absent not in (0, 1):
        yield f"label.absent: {absent:g} is no class; allowed: 0, 1"
    if file.label.minimum_coverage is not None:
        yield "label.minimum_coverage: where a label may be absent, coverage says nothing; leave out one of the two"


def _explore_faults(file: ModelFile) -> Iterator[str]:
    if not file.endpoint.explore:
        return
    if not file.endpoint.log_share:
        yield "endpoint.explore: nothing is learnt from answers that are not kept; log_share is 0"
    if not file.label.of_predictions:
        yield "endpoint.explore: needs label.of_predictions = true, so that labels name what was predicted"
    if file.is_multiclass:
        yield "endpoint.explore: weights labels by the probability of the second of two classes, and there are more"
    if file.label.absent is not None:
        yield "endpoint.explore: not with label.absent; a row whose label depends on what was done has none"


def _gate_faults(file: ModelFile, groups: Mapping[str, FeatureGroup]) -> Iterator[str]:
    task, metric = file.task_or_default, file.metric_or_default
    for guard in file.gate.guards:
        known = known_metrics(task, is_multiclass=file.is_multiclass)
        known_guards = (*known, *(each for each in GuardMetric if each.task is task))
        if guard not in known_guards:
            allowed = _join_names(each for each in known_guards if each != metric)
            yield f"gate.guards.{guard}: {guard} is not a metric of {_kind(file)}; allowed: {allowed}"
        elif guard == metric:
            yield f"gate.guards.{guard}: {guard} is the metric itself; gate.margin says how much worse it may become"
    own = groups.get(next(iter(file.features)))
    batch = (None if own is None else own.batch.every) or USUAL_BATCH
    gate = file.training.gate or default_training(batch, latency=file.label.latency).gate
    if file.gate.minimum_days * timedelta(days=1) > gate and file.gate.minimum_days > 1:
        description = f"{file.gate.minimum_days} days are never in a gate of {format_duration(gate)}"
        yield f"gate.minimum_days: {description}; declare a longer training.gate"
    if file.gate.approval_timeout > MAX_APPROVAL_TIMEOUT:
        longest = format_duration(MAX_APPROVAL_TIMEOUT)
        yield f"gate.approval_timeout: at most {longest}; nothing else is trained while a contender waits"


def _cost_faults(cost: CostTable) -> Iterator[str]:
    if cost.retraining is None:
        for key in ("worth_per_row", "per_month"):
            if getattr(cost, key) is not None:
                yield f"cost.{key}: says nothing without cost.retraining, what one costs in the same currency"
    elif cost.per_month is not None and cost.per_month < cost.retraining:
        yield f"cost.per_month: {cost.per_month:g} is less than the {cost.retraining:g} of a single retraining"


def _task_size_faults(cpu: int, memory_mib: int) -> Iterator[str]:
    if cpu not in FARGATE_MEMORY_MIB:
        yield f"task_size.cpu: {cpu} is not offered by Fargate; allowed: {_join_names(FARGATE_MEMORY_MIB)}"
    elif memory_mib not in FARGATE_MEMORY_MIB[cpu]:
        allowed = _join_names(FARGATE_MEMORY_MIB[cpu])
        yield f"task_size.memory_mib: not {memory_mib} with cpu {cpu}; allowed: {allowed}"


def _feature_faults(file: ModelFile, groups: Mapping[str, FeatureGroup], broken: Set[str]) -> Iterator[str]:
    unknown = [name for name in file.features if name not in groups]
    for name in unknown:
        if name not in broken:  # whose own faults are told already
            yield f"features.{name}: there is no features/{name}.toml; known groups: {_join_names(groups) or 'none'}"
    if unknown:
        return
    own = groups[next(iter(file.features))]
    for name, table in file.features.items():
        yield from _column_faults(table, groups[name])
        yield from _join_faults(table, groups[name], own=own)
    named = [column for table in file.features.values() for column in table.columns]
    for column in sorted({column for column in named if named.count(column) > 1}):
        yield f"features: {column!r} is named twice"
    if file.label.name in (*named, *(column.name for column in own.columns), *_non_feature_columns(own)):
        description = f"{file.label.name!r} is a column of features/{own.name}.toml already; a label has its own name"
        yield f"label.name: {description}"
    kinds = {
        column.name: column.kind
        for name, table in file.features.items()
        for column in groups[name].columns
        if column.name in table.columns
    }
    for index, entry in enumerate(file.gate.slices):
        allowed = [column for column in named if column in kinds and not kinds[column].is_quantitative]
        if entry.column not in allowed:
            description = f"{entry.column!r} cannot be sliced by; allowed: {_join_names(allowed) or 'none'}"
            yield f"gate.slices.{index}.column: {description}"


def _column_faults(table: FeaturesTable, group: FeatureGroup) -> Iterator[str]:
    known, file = [column.name for column in group.columns], f"features/{group.name}.toml"
    for column in table.columns:
        if column not in known:
            yield f"features.{group.name}: {column!r} is no column of {file}; allowed: {_join_names(known)}"


def _join_faults(table: FeaturesTable, group: FeatureGroup, *, own: FeatureGroup) -> Iterator[str]:
    where = f"features.{group.name}"
    if group is own:
        for key in ("key", "maximum_age", "known_by"):
            if getattr(table, key) is not None:
                yield f"{where}.{key}: not for the first group, whose rows are predicted; others are joined to it"
        return
    for key in ("key", "maximum_age"):
        if getattr(table, key) is None:
            yield f"{where}.{key}: missing; a group that is joined to {own.name} needs it"
    texts = [column.name for column in own.columns if column.kind is FeatureKind.CATEGORICAL]
    if table.key is not None and table.key not in (own.entity_key, *texts):
        description = (
            f"{table.key!r} is no key of features/{own.name}.toml; allowed: {_join_names([own.entity_key, *texts])}"
        )
        yield f"{where}.key: {description}"


def _non_feature_columns(group: FeatureGroup) -> Iterator[str]:
    yield from (group.entity_key, group.event_time, *RESERVED_COLUMNS)


# --- reading --------------------------------------------------------------------------------------

_NOT_UTF_8 = "\ufffd"
"""What stands for bytes that are no character."""

FileT = TypeVar("FileT", bound=TomlTable)


def _text(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")


def _read(text: str, file: Path, cls: type[FileT], faults: list[str]) -> FileT | None:
    if _NOT_UTF_8 in text:
        faults.append(f"{file}: not TOML: it is not UTF-8")
        return None
    try:
        return cls.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        faults.append(f"{file}: not TOML: {error}")
    except ValidationError as error:
        found = (_describe_error(entry, cls) for entry in error.errors(include_url=False))
        faults.extend(_placed(fault, file, text) for fault in found)
    return None


def _placed(fault: str, file: Path, text: str) -> str:
    """With the line of the key that the fault begins with."""
    line = line_of(text, fault.partition(":")[0])
    return f"{file}: {fault}" if line is None else f"{file}:{line}: {fault}"


def _describe_error(entry: Mapping[str, Any], cls: type[TomlTable]) -> str:
    location: tuple[int | str, ...] = entry["loc"]
    key = ".".join(str(part) for part in location if part != "[key]")
    match entry["type"]:
        case "extra_forbidden":
            return f"{key}: unknown key; allowed here: {_join_names(_keys_at(cls, location[:-1]))}"
        case "missing":
            return f"{key}: missing{_example(cls, location)}"
        case "value_error":
            return f"{key}: {entry['ctx']['error']}, not {entry['input']!r}"
    return f"{key}: {entry['msg'][0].lower()}{entry['msg'][1:]}, not {entry['input']!r}"


def _example(cls: type[TomlTable], location: Sequence[int | str]) -> str:
    name = str(location[-1])
    field = _table_at(cls, location[:-1]).model_fields.get(name)
    return f"; such as {field.examples[0]}" if field is not None and field.examples else ""


def _keys_at(cls: type[TomlTable], location: Sequence[int | str]) -> Iterator[str]:
    """The keys of the table at this place."""
    yield from _table_at(cls, location).model_fields


def _table_at(cls: type[TomlTable], location: Sequence[int | str]) -> type[TomlTable]:
    """Walks the declared types along the location."""
    for part in location:
        if isinstance(part, str) and part in cls.model_fields:
            inner = table_in(cls.model_fields[part].annotation)
            if inner is not None:
                cls = inner
    return cls


def _collect_faults(faults: list[str], file: Path, text: str, *found: Iterator[str]) -> bool:
    """True where there was a fault."""
    before = len(faults)
    faults.extend(_placed(fault, file, text) for several in found for fault in several)
    return len(faults) > before


def _join_names(names: Iterable[object]) -> str:
    return ", ".join(str(name) for name in names)
