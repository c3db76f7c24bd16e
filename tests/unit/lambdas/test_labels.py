"""Labels that callers report: every fault is told before anything is kept; what is kept lands as a batch."""

import base64
import io
import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evertrain.adapters.documents import dump
from evertrain.adapters.landing.label_reports import label_file, read_report
from evertrain.adapters.landing.rows import LandedRowsReader
from evertrain.adapters.memory.messages import InMemoryClock
from evertrain.domain.deployment.routes import MAX_LABELS
from evertrain.domain.landing.feeds import CLOCK_SKEW, MIN_EVENT_TIME, feed_schema, prediction_label_feed
from evertrain.domain.landing.label_reports import LabelReport
from evertrain.domain.project.metric import Metric, Task
from evertrain.domain.project.model import Project
from evertrain.use_cases.landing.check_batch import parse_feed
from evertrain.use_cases.landing.report_labels import InvalidReport, LandLabels, ReportLabels
from lambdas.collect import labels
from lambdas.collect.labels import MAX_BODY_BYTES
from tests.builders.batches import LABELS
from tests.builders.events import delivery
from tests.builders.models import NOW, a_group, a_model, days

REGRESSION = replace(a_model("lengths"), task=Task.REGRESSION, metric=Metric.MEAN_ABSOLUTE_ERROR)
ASKED = replace(a_model("asked"), label=replace(a_model().label, of_predictions=True))
NAMED = replace(a_model("named"), label=replace(a_model().label, classes=("on time", "late")))
GRADED = replace(a_model("graded"), label=replace(a_model().label, classes=("1", "2", "3")))
LOCAL = replace(a_model("local"), group=replace(a_group(), name="local", utc_offset=timedelta(hours=1)))
PROJECT = Project(
    groups={"trips": a_group(), "local": LOCAL.group},
    models={
        "trips": a_model(),
        "lengths": REGRESSION,
        "asked": ASKED,
        "local": LOCAL,
        "named": NAMED,
        "graded": GRADED,
    },
)
LABEL = {"trip_id": "t-1", "departed_at": "2013-03-31T10:00:00Z", "late": 1}


@dataclass
class Reports:
    kept: list[LabelReport] = field(default_factory=list)
    is_down: bool = False

    def put(self, report: LabelReport) -> None:
        if self.is_down:
            raise OSError("the queue does not answer")
        self.kept.append(report)


@dataclass
class FakeLanding:
    objects: dict[str, bytes] = field(default_factory=dict)

    def put(self, key: str, body: bytes) -> None:
        self.objects[key] = body


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> Reports:
    reports = Reports()
    use_case = ReportLabels(project=PROJECT, reports=reports, clock=InMemoryClock(NOW))
    monkeypatch.setattr(labels, "report_labels", lambda: use_case)
    return reports


@pytest.fixture
def landing(monkeypatch: pytest.MonkeyPatch) -> FakeLanding:
    landing = FakeLanding()
    use_case = LandLabels(
        project=PROJECT, encode_file=lambda feed, kept: label_file(feed_schema(feed, PROJECT), kept), landing=landing
    )
    monkeypatch.setattr(labels, "land_labels", lambda: use_case)
    return landing


def post(body: object, *, model: str = "trips", raw: str | None = None, encoded: bool = False) -> tuple[int, Any]:
    text = json.dumps(body) if raw is None else raw
    event = {
        "requestContext": {"requestId": "r-1", "http": {"method": "POST"}},
        "rawPath": f"/models/{model}/labels",
        "body": base64.b64encode(text.encode()).decode() if encoded else text,
        "isBase64Encoded": encoded,
    }
    answer = labels.report_handler(event, None)
    return answer["statusCode"], json.loads(answer["body"])


NOT_IN_SQS = {chr(code) for code in range(32)} - set("\t\n\r") | {"\ufffe", "\uffff"}
TEXT = st.text(max_size=8) | st.sampled_from(["\ufffe", "\uffff", "\x00", "\ud800", "t" * 100_000])
FIELDS = st.sampled_from([*LABEL, "prediction_id"]) | TEXT
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.just(LABEL["departed_at"])


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(FIELDS, VALUES, max_size=4) | TEXT.map(lambda key: LABEL | {"trip_id": key}),
    TEXT | st.just("asked"),
)
def test_an_answer_is_small_and_what_is_kept_is_a_message(reports: Reports, body: object, model: str) -> None:
    reports.kept.clear()
    for each in (model.replace("/", ""), "trips"):
        status, answer = post(body, model=each)
        assert status in (202, 400, 404)
        assert len(json.dumps(answer)) < 4096
    for report in reports.kept:
        message = dump(report).decode()
        assert len(message.encode()) <= 256 * 1024
        assert not NOT_IN_SQS & set(message)


def test_the_largest_report_is_one_message(reports: Reports) -> None:
    label = {"prediction_id": "", "late": 1}
    key = (MAX_BODY_BYTES - 30) // MAX_LABELS - len(json.dumps(label)) - 2
    raw = json.dumps({"labels": [label | {"prediction_id": "k" * key} for _ in range(MAX_LABELS)]})
    assert MAX_BODY_BYTES - 2000 < len(raw) <= MAX_BODY_BYTES
    assert post(None, raw=raw, model="asked")[0] == 202
    assert len(dump(reports.kept[0])) <= 256 * 1024


@pytest.mark.parametrize("encoded", [False, True])
def test_one_label_is_kept(reports: Reports, *, encoded: bool) -> None:
    assert post(LABEL, encoded=encoded) == (202, {"model": "trips", "report_id": "r-1", "accepted": 1})
    ((label,),) = (report.labels for report in reports.kept)
    assert (label.key, label.event_time, label.value) == ("t-1", NOW - timedelta(hours=14), 1.0)


def test_many_labels_are_kept_together(reports: Reports) -> None:
    status, answer = post({"labels": [LABEL, LABEL | {"trip_id": 7, "late": 0}]})
    assert (status, answer["accepted"]) == (202, 2)
    assert [label.key for label in reports.kept[0].labels] == ["t-1", "7"]
    assert post(LABEL | {"late": 12.5}, model="lengths")[0] == 202


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "an object with trip_id, departed_at and late, and nothing else"),
        ({"labels": []}, "with at least one"),
        ({"labels": [LABEL] * (MAX_LABELS + 1)}, "labels: 1001 are too many for one request, 1000 are allowed"),
        ({"labels": [LABEL, LABEL | {"more": 1}]}, "label 1: an object with trip_id, departed_at and late"),
        ({"labels": [LABEL, LABEL | {"more": 1}]}, "and nothing else; not more"),
        ({"trip_id": "t-1", "late": 1}, "and nothing else; departed_at is missing"),
        (
            LABEL | {"trip_id": "a\ufffe"},
            "trip_id: must be text that UTF-8 can write and a queue takes; it has U+FFFE",
        ),
        (LABEL | {"trip_id": ""}, "trip_id: must be text or a whole number"),
        (LABEL | {"trip_id": None}, "trip_id: must be text or a whole number"),
        (LABEL | {"trip_id": True}, "trip_id: must be text or a whole number"),
        (LABEL | {"departed_at": "soon"}, "departed_at: must be an ISO 8601 time"),
        (LABEL | {"trip_id": "\ud800"}, "trip_id: must be text that UTF-8 can write"),
        (LABEL | {"departed_at": 1364774400}, "departed_at: must be an ISO 8601 time"),
        (LABEL | {"departed_at": "2013-03-31T10:00:00"}, "departed_at: has no time zone; end it with Z or an offset"),
        (LABEL | {"departed_at": "2013-03-31"}, "or declare time_zone in features/trips.toml"),
        (LABEL | {"departed_at": "2013-04-02T00:00Z"}, "departed_at: is in the future; it is 2013-"),
        (LABEL | {"departed_at": "1899-12-31T23:59:59Z"}, "departed_at: is before 1900"),
        (LABEL | {"departed_at": "0001-01-01T00:00:00+05:00"}, "departed_at: must be an ISO 8601 time"),
        (LABEL | {"late": 10**400}, "late: must be a number"),
        (LABEL | {"late": float("inf")}, "late: must be a number"),
        (LABEL | {"late": 0.5}, "late: must be 0 or 1"),
        (LABEL | {"late": "yes"}, "late: must be a number"),
        (LABEL | {"late": None}, "late: must be a number"),
        ("late", "an object with trip_id"),
    ],
)
def test_what_is_no_label_is_told_by_name_and_nothing_is_kept(reports: Reports, body: object, told: str) -> None:
    status, answer = post(body)
    assert status == 400
    assert told in answer["error"]
    assert not reports.kept


def test_true_and_false_are_classes_but_no_numbers(reports: Reports) -> None:
    assert post(LABEL | {"late": True})[0] == 202
    status, answer = post(LABEL | {"late": True}, model="lengths")
    assert (status, answer["error"]) == (400, "late: must be a number")


def test_a_class_that_is_called_by_a_number_may_be_told_as_one(reports: Reports, landing: FakeLanding) -> None:
    for value, number in ((3, 2.0), ("3", 2.0), (1.0, 0.0)):
        assert post(LABEL | {"late": value}, model="graded")[0] == 202
        assert reports.kept.pop().labels[0].value == number
    for wrong in (4, 0, 1.5, True, None, "three"):
        status, answer = post(LABEL | {"late": wrong}, model="graded")
        assert (status, answer["error"]) == (400, "late: must be one of 1, 2, 3")


def test_a_class_is_told_by_its_name_and_lands_as_such(reports: Reports, landing: FakeLanding) -> None:
    assert post(LABEL | {"late": "late"}, model="named")[0] == 202
    assert reports.kept[0].labels[0].value == 1.0
    for value in (1, True, "soon", ["late"], None):
        status, answer = post(LABEL | {"late": value}, model="named")
        assert (status, answer["error"]) == (400, "late: must be on time or late")
    assert labels.queue_handler(messages(reports), None) == {"batchItemFailures": []}
    ((key, body),) = landing.objects.items()
    feed = parse_feed(key)
    assert feed is not None
    with LandedRowsReader(project=PROJECT).read(io.BytesIO(body), name=key, feed=feed, now=NOW) as rows:
        assert rows.first["late"].to_pylist() == [1.0]


def test_a_time_without_a_zone_means_what_the_model_s_own_group_declares(reports: Reports) -> None:
    assert post(LABEL | {"departed_at": "2013-03-31T11:00:00"}, model="local")[0] == 202
    assert post(LABEL, model="local")[0] == 202
    assert {report.labels[0].event_time for report in reports.kept} == {NOW - timedelta(hours=14)}


def test_a_label_may_name_a_prediction_where_the_model_says_so(reports: Reports) -> None:
    body = {"labels": [{"prediction_id": "p-1", "late": 1}, LABEL]}
    assert post(body, model="asked")[0] == 202
    of_prediction, of_row = reports.kept[0].labels
    # Observed when it was reported, unless the report says when.
    assert (of_prediction.key, of_prediction.event_time, of_prediction.of_prediction) == ("p-1", NOW, True)
    assert (of_row.key, of_row.of_prediction) == ("t-1", False)
    observed = {"prediction_id": "p-2", "late": 0, "event_time": "2013-03-31T23:00:00Z"}
    assert post(observed, model="asked")[0] == 202
    assert reports.kept[1].labels[0].event_time == NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    ("body", "model", "told"),
    [
        (
            {"prediction_id": "p-1", "late": 1},
            "trips",
            "prediction_id: labels of trips name rows; for labels that name predictions declare of_predictions = "
            "true below [label] in models/trips/model.toml, and deploy",
        ),
        ({"prediction_id": "p-1"}, "asked", "and nothing else; or with prediction_id and late"),
        ({"prediction_id": "p-1", "late": 1, "trip_id": "t-1"}, "asked", "or with prediction_id and late"),
        ({"prediction_id": None, "late": 1}, "asked", "prediction_id: must be text"),
        (
            {"prediction_id": "p", "late": 1, "event_time": "2014-01-01T00:00Z"},
            "asked",
            "event_time: is in the future",
        ),
        (
            {"prediction_id": "p", "late": 1, "event_time": "2013-03-31"},
            "asked",
            "event_time: has no time zone; end it with Z or an offset such as +01:00, or declare time_zone in fea",
        ),
    ],
)
def test_a_label_of_a_prediction_is_checked_like_any_other(
    reports: Reports, body: object, model: str, told: str
) -> None:
    status, answer = post(body, model=model)
    assert status == 400
    assert told in answer["error"]
    assert not reports.kept


def test_a_body_that_cannot_be_read_is_told(reports: Reports) -> None:
    assert post(None, raw="{")[0] == 400
    status, answer = post(None, raw=" " * 300_000)
    assert (status, answer["error"]) == (
        400,
        "the body has 300,000 bytes, 150,000 are allowed; send fewer labels",
    )


def test_a_model_that_is_not_there_is_told_with_those_that_are(reports: Reports) -> None:
    assert post(LABEL, model="boats") == (
        404,
        {"error": "there is no model 'boats'; known models: asked, graded, lengths, local, named, trips"},
    )


def test_what_could_not_be_kept_is_not_accepted(reports: Reports) -> None:
    reports.is_down = True
    assert post(LABEL) == (500, {"error": "the labels were not kept; the request id is r-1", "request_id": "r-1"})


# --- from the queue to files ----------------------------------------------------------------------


KEYS = st.one_of(st.sampled_from(["t-1", "1", 1, "\ud800", "NaN"]), st.text(), st.integers())
MOMENTS = st.one_of(
    st.datetimes(NOW.replace(tzinfo=None) - days(1), NOW.replace(tzinfo=None) + timedelta(minutes=10)),
    st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=-5, minutes=-30))])),
    st.sampled_from(
        [MIN_EVENT_TIME, MIN_EVENT_TIME - timedelta(microseconds=1), NOW, NOW + CLOCK_SKEW, NOW + days(1)]
    ),
)
TIMES = st.builds(
    lambda moment, zone: moment.isoformat() + zone * (not moment.tzinfo), MOMENTS, st.sampled_from(["Z", ""])
)
VALUES = st.one_of(st.sampled_from([0, 1, True, 0.0, -0.0, 2.5, 10**400]), st.floats())
ROWS = st.one_of(
    st.fixed_dictionaries({"trip_id": KEYS, "departed_at": TIMES, "late": VALUES}),
    st.fixed_dictionaries({"prediction_id": KEYS, "late": VALUES}, optional={"event_time": TIMES}),
)


@given(
    model=st.sampled_from(["trips", "lengths", "asked", "local"]),
    rows=st.lists(ROWS, max_size=20),
)
@settings(max_examples=100)
def test_what_is_answered_202_is_never_set_aside(model: str, rows: list[dict[str, Any]]) -> None:
    reports, landing = Reports(), FakeLanding()
    report = ReportLabels(project=PROJECT, reports=reports, clock=InMemoryClock(NOW))
    for i, row in enumerate(rows):
        with suppress(InvalidReport):
            report.run(model, row, report_id=f"r-{i}")
    kept = [read_report(dump(each).decode()) for each in reports.kept]
    land = LandLabels(
        project=PROJECT,
        encode_file=lambda feed, labels: label_file(feed_schema(feed, PROJECT), labels),
        landing=landing,
    )
    for landed in land.run(kept):
        feed = parse_feed(landed.key)
        assert feed is not None
        body = io.BytesIO(landing.objects[landed.key])
        with LandedRowsReader(project=PROJECT).read(body, name=landed.key, feed=feed, now=NOW) as found:
            assert found.count == landed.rows


def messages(reports: Reports) -> dict[str, Any]:
    return delivery(**{f"m{i}": json.loads(dump(report)) for i, report in enumerate(reports.kept)})


def test_reports_land_by_model_as_batches_that_the_monitor_takes(reports: Reports, landing: FakeLanding) -> None:
    post({"labels": [LABEL, LABEL | {"trip_id": "t-2"}]})
    post(LABEL | {"trip_id": "t-3"})
    post(LABEL | {"late": 3.5}, model="lengths")
    assert labels.queue_handler(messages(reports), None) == {"batchItemFailures": []}
    lengths, trips = sorted(landing.objects)
    assert lengths.startswith("labels/lengths/reported/2013/04/01/")
    body = io.BytesIO(landing.objects[trips])
    with LandedRowsReader(project=PROJECT).read(body, name=trips, feed=LABELS, now=NOW) as rows:
        assert rows.first["trip_id"].to_pylist() == ["t-1", "t-2", "t-3"]


def test_of_a_row_that_was_reported_twice_the_later_label_lands(landing: FakeLanding) -> None:
    first = a_report("r-1", late=1.0)
    second = replace(a_report("r-0", late=0.0), received_at=NOW + days(1))
    labels.queue_handler(delivery(b=json.loads(dump(second)), a=json.loads(dump(first))), None)
    ((key, body),) = landing.objects.items()
    later = NOW + days(2)
    with LandedRowsReader(project=PROJECT).read(io.BytesIO(body), name=key, feed=LABELS, now=later) as rows:
        assert rows.first["late"].to_pylist() == [0.0]


def test_labels_of_rows_and_of_predictions_land_in_feeds_of_their_own(reports: Reports, landing: FakeLanding) -> None:
    post({"labels": [{"prediction_id": "p-1", "late": 1}, LABEL]}, model="asked")
    labels.queue_handler(messages(reports), None)
    of_rows, of_predictions = sorted(landing.objects)
    assert of_rows.startswith("labels/asked/reported/")
    assert of_predictions.startswith("prediction_labels/asked/reported/")
    feed, body = prediction_label_feed(ASKED), io.BytesIO(landing.objects[of_predictions])
    with LandedRowsReader(project=PROJECT).read(body, name=of_predictions, feed=feed, now=NOW) as rows:
        assert rows.first.select(["prediction_id", "event_time", "late"]).to_pylist() == [
            {"prediction_id": "p-1", "event_time": NOW, "late": 1.0}
        ]


def test_the_same_label_reported_anew_is_another_batch(landing: FakeLanding) -> None:
    for report in (a_report("r-1", late=1.0), a_report("r-1", late=1.0), a_report("r-2", late=1.0)):
        labels.queue_handler(delivery(one=json.loads(dump(report))), None)
    assert len(landing.objects) == 2


def test_a_group_s_key_may_be_called_report_id() -> None:
    group = replace(a_group(), entity_key="report_id")
    project = Project(groups={"trips": group}, models={"trips": replace(a_model(), group=group)})
    report = a_report("r-1", late=1.0)
    body = io.BytesIO(label_file(feed_schema(LABELS, project), [(report, report.labels[0])]))
    with LandedRowsReader(project=project).read(body, name="1.parquet", feed=LABELS, now=NOW) as rows:
        assert rows.first["report_id"].to_pylist() == ["t-1"]


def test_a_message_that_cannot_be_read_goes_back_alone(landing: FakeLanding) -> None:
    answer = labels.queue_handler(delivery(bad={"no": 1}, good=json.loads(dump(a_report("r-1", late=1.0)))), None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert len(landing.objects) == 1


def a_report(report_id: str, *, late: float) -> LabelReport:
    reports = Reports()
    use_case = ReportLabels(project=PROJECT, reports=reports, clock=InMemoryClock(NOW))
    return use_case.run("trips", LABEL | {"late": late}, report_id=report_id)
