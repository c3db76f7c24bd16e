"""Takes labels from callers: every fault is told before anything is kept, and what is kept lands like any batch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from evertrain.domain.deployment.routes import MAX_LABELS
from evertrain.domain.errors import EvertrainError, list_names, shorten
from evertrain.domain.landing.batches import Feed
from evertrain.domain.landing.feeds import CLOCK_SKEW, EVENT_TIME, MIN_EVENT_TIME, label_feed, prediction_label_feed
from evertrain.domain.landing.label_reports import LabelReport, ReportedLabel
from evertrain.domain.landing.predictions import PREDICTION_ID
from evertrain.domain.project.metric import Task
from evertrain.domain.project.model import ModelSpec, Project
from evertrain.domain.project.prediction import describe_classes
from evertrain.ports.batches import LandingWriter
from evertrain.ports.clock import Clock
from evertrain.ports.messages import LabelReportQueue
from evertrain.scoring.rows import has_zone, is_number, read_time


class UnknownModel(EvertrainError):
    """There is no model of this name."""


class InvalidReport(EvertrainError):
    """A label lacks a field, or has one of a wrong kind; the text names it."""


@dataclass(frozen=True, kw_only=True)
class ReportLabels:
    project: Project
    reports: LabelReportQueue
    clock: Clock

    def run(self, model: str, body: object, *, report_id: str) -> LabelReport:
        """Kept when this returns. Raises UnknownModel, InvalidReport."""
        if model not in self.project.models:
            known = list_names(self.project.models)
            raise UnknownModel(f"there is no model {shorten(model)!r}; known models: {known}")
        spec, now = self.project.models[model], self.clock.now()
        rows = body.get("labels") if isinstance(body, dict) and set(body) == {"labels"} else [body]
        if not isinstance(rows, list) or not rows:
            raise InvalidReport('one label as an object, or {"labels": [...]} with at least one')
        if len(rows) > MAX_LABELS:
            raise InvalidReport(f"labels: {len(rows)} are too many for one request, {MAX_LABELS} are allowed")
        labels = tuple(_read(row, spec, now, f"label {i}: " if len(rows) > 1 else "") for i, row in enumerate(rows))
        report = LabelReport(model=model, report_id=report_id, received_at=now, labels=labels)
        self.reports.put(report)
        return report


def _read(row: object, spec: ModelSpec, now: datetime, where: str) -> ReportedLabel:
    of_prediction = isinstance(row, dict) and PREDICTION_ID in row and spec.label.of_predictions
    key, time = (PREDICTION_ID, EVENT_TIME) if of_prediction else (spec.group.entity_key, spec.group.event_time)
    label, optional = spec.label.name, {EVENT_TIME} if of_prediction else set()
    if not isinstance(row, dict):
        raise InvalidReport(where + _describe_expected(spec))
    known = {key, time, label}
    if PREDICTION_ID in row and PREDICTION_ID not in known and not spec.label.of_predictions:
        raise InvalidReport(
            f"{where}{PREDICTION_ID}: labels of {spec.name} name rows; for labels that name predictions declare "
            f"of_predictions = true below [label] in models/{spec.name}/model.toml, and deploy"
        )
    if set(row) | optional != known | optional:
        mismatch = _describe_mismatch(set(row), known=known, required=known - optional)
        raise InvalidReport(f"{where}{_describe_expected(spec)}; {mismatch}")
    named, value = row[key], row[label]
    if isinstance(named, bool) or not isinstance(named, str | int) or named == "":
        raise InvalidReport(f"{where}{key}: must be text or a whole number, which names the row")
    if (fault := _text_fault(str(named))) is not None:
        raise InvalidReport(f"{where}{key}: must be text that UTF-8 can write and a queue takes; it has {fault}")
    event_time = _event_time(row[time], spec, now, where + time) if time in row else now
    outcome = _outcome(value, spec, where + label)
    return ReportedLabel(key=str(named), event_time=event_time, value=outcome, of_prediction=of_prediction)


def _outcome(value: object, spec: ModelSpec, where: str) -> float:
    """The number, or that of the class."""
    if classes := spec.label.classes:
        name = str(int(value)) if is_number(value) and float(value).is_integer() else value  # a class may be 2
        if name not in classes:
            raise InvalidReport(f"{where}: must be {describe_classes(classes)}")
        return float(classes.index(str(name)))
    is_flag = isinstance(value, bool) and spec.task is Task.CLASSIFICATION
    if not is_flag and not is_number(value):
        raise InvalidReport(f"{where}: must be a number")
    if spec.task is Task.CLASSIFICATION and value not in (0, 1):
        raise InvalidReport(f"{where}: must be 0 or 1")
    return float(value)  # type: ignore[arg-type]  # a number or a flag


def _event_time(value: object, spec: ModelSpec, now: datetime, where: str) -> datetime:
    """Within the bounds of a landed batch: there, a single time out of bounds would send the labels of all callers to
    quarantine."""
    offset = spec.group.utc_offset
    time = read_time(value, utc_offset=offset or timedelta())
    if time is None:
        raise InvalidReport(f"{where}: must be an ISO 8601 time")
    if offset is None and not has_zone(str(value)):
        remedy = f"end it with Z or an offset such as +01:00, or declare time_zone in features/{spec.group.name}.toml"
        raise InvalidReport(f"{where}: has no time zone; {remedy}")
    if time < MIN_EVENT_TIME:
        raise InvalidReport(f"{where}: is before {MIN_EVENT_TIME.year}")
    if time > now + CLOCK_SKEW:
        description = f"is in the future; it is {now:%Y-%m-%d %H:%M} UTC"
        raise InvalidReport(f"{where}: {description}, and a label follows its event")
    return time


def _text_fault(text: str) -> str | None:
    """JSON may carry half of a surrogate pair, Parquet may not; two characters are none, and SQS refuses them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "half of a surrogate pair"
    return "U+FFFE or U+FFFF, which are no characters" if {"\ufffe", "\uffff"} & set(text) else None


def _describe_expected(spec: ModelSpec) -> str:
    key, time, label = spec.group.entity_key, spec.group.event_time, spec.label.name
    description = f"an object with {key}, {time} and {label}, and nothing else"
    return f"{description}; or with {PREDICTION_ID} and {label}" if spec.label.of_predictions else description


def _describe_mismatch(fields: set[str], *, known: set[str], required: set[str]) -> str:
    missing = required - fields
    return f"{list_names(missing)} is missing" if missing else f"not {shorten(min(fields - known))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedLabels:
    model: str
    key: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class LandLabels:
    """`encode_file` makes a batch's file of a feed's labels, one row for each key and event time."""

    project: Project
    encode_file: Callable[[Feed, Sequence[tuple[LabelReport, ReportedLabel]]], bytes]
    landing: LandingWriter

    def run(self, reports: Sequence[LabelReport]) -> Iterator[LandedLabels]:
        """The same reports land as the same object; of a row that was reported twice the later one."""
        ordered = sorted(reports, key=lambda report: (report.model, report.received_at, report.report_id))
        latest: dict[Feed, dict[tuple[str, str], tuple[LabelReport, ReportedLabel]]] = {}
        for report in ordered:
            spec = self.project.models.get(report.model)
            if spec is None:
                continue  # its folder is gone since
            for label in report.labels:
                feed = prediction_label_feed(spec) if label.of_prediction else label_feed(spec)
                latest.setdefault(feed, {})[label.event_time.isoformat(), label.key] = (report, label)
        for feed, labels in latest.items():
            body = self.encode_file(feed, [labels[each] for each in sorted(labels)])
            day = min(report.received_at for report, _ in labels.values())
            key = f"{feed}/reported/{day:%Y/%m/%d}/{sha256(body).hexdigest()[:32]}.parquet"
            self.landing.put(key, body)
            yield LandedLabels(model=feed.name, key=key, rows=len(labels))
