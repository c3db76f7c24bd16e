"""docs/http.md: what the HTTP API answers. Every answer on the page is one: the functions are asked, without AWS."""

import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

from evertrain.adapters.memory.messages import InMemoryClock
from evertrain.conversion import to_flat
from evertrain.domain.deployment.routes import (
    BURST_LIMIT,
    DESCRIBE,
    PREDICT,
    RATE_LIMIT,
    REPORT_LABELS,
    ROUTES,
    Route,
)
from evertrain.domain.deployment.stacks import Output, StackName, stack_name
from evertrain.domain.landing.label_reports import LabelReport
from evertrain.domain.landing.predictions import AnsweredRequest
from evertrain.domain.project.defaults import default_metric
from evertrain.domain.project.feature_group import Column, FeatureGroup, FeatureKind
from evertrain.domain.project.metric import Task
from evertrain.domain.project.model import LabelSpec, ModelSpec, Project
from evertrain.domain.project.policies import GatePolicy, TrainingPolicy, TriggerPolicy
from evertrain.scoring import FlatModel
from evertrain.use_cases.landing.report_labels import MAX_LABELS, ReportLabels
from lambdas.collect import labels
from serving import handler, wiring
from serving.handler import MAX_BODY_BYTES, MAX_ROWS

NOW = datetime(2025, 3, 12, 9, 30, tzinfo=UTC)
MODEL, VERSION, REQUEST_ID = "late", "20250301-0600-3fa29b1c", "HlX2hgDHoAMEQJg="
ROW = {"distance": 740, "wind": None, "carrier": "UA", "holiday": False}
LABEL = {"trip_id": "t-81", "departed_at": "2025-03-09T10:00:00Z", "late": 1}
OF_PREDICTION = {"prediction_id": f"{REQUEST_ID}:1", "late": 0}

Answer = tuple[int, dict[str, Any]]


@dataclass
class Doors:
    """The functions behind the HTTP API, with a model for people's trips; and what they keep."""

    spec: ModelSpec
    model: "FlatModel | Broken | None"
    explore: float = 0.0
    kept: list[AnsweredRequest] = field(default_factory=list)
    reported: list[LabelReport] = field(default_factory=list)

    def ask(self, route: Route, body: object = None, *, model: str = MODEL, raw: str | None = None) -> Answer:
        door = labels.report_handler if route is REPORT_LABELS else handler.lambda_handler
        return self._answer(door, route.method, route.of(model), json.dumps(body) if raw is None else raw)

    def ask_elsewhere(self, method: str, path: str) -> Answer:
        """What no route of a model takes."""
        return self._answer(handler.unknown_model_handler, method, path, "")

    def _answer(self, door: Any, method: str, path: str, body: str) -> Answer:
        context = {
            "requestId": REQUEST_ID,
            "timeEpoch": int(NOW.timestamp() * 1000),
            "http": {"method": method},
        }
        with self._wired():
            answer = door({"requestContext": context, "rawPath": path, "body": body}, None)
        return answer["statusCode"], json.loads(answer["body"])

    @contextmanager
    def _wired(self) -> Iterator[None]:
        """Without a cloud: the model and what keeps requests and labels are in this process."""
        model: Any = self.model
        served = model and wiring.ServedModel(model=model, version=VERSION)
        project = Project(groups={self.spec.group.name: self.spec.group}, models={MODEL: self.spec})
        report = ReportLabels(project=project, reports=_Kept(self.reported), clock=InMemoryClock(NOW))
        answers: dict[str, object] = {
            "served_model": served,
            "prediction_log": _Kept(self.kept),
            "log_share": 1.0,
            "explore_share": self.explore,
            "stage": "dev",
            "model_name": MODEL,
            "known_models": [MODEL],
        }
        with ExitStack() as stack:
            logging.disable()
            stack.callback(logging.disable, logging.NOTSET)
            for name, value in answers.items():
                stack.enter_context(patch.object(wiring, name, lambda value=value: value))
            stack.enter_context(patch.object(labels, "report_labels", lambda: report))
            yield


@dataclass
class _Kept:
    """Stands for a queue."""

    messages: list[Any]

    def put(self, message: Any) -> None:
        self.messages.append(message)


CLASSES = ("on time", "late", "very late")


def make_doors(classes: tuple[str, ...] = ()) -> Doors:
    """`classes`: three, or none for two that have no names."""
    group = FeatureGroup(
        name="trips",
        entity_key="trip_id",
        event_time="departed_at",
        columns=(
            Column(name="distance", kind=FeatureKind.NUMERIC, nullable=False),
            Column(name="wind", kind=FeatureKind.NUMERIC, nullable=True),
            Column(name="carrier", kind=FeatureKind.CATEGORICAL, nullable=False),
            Column(name="holiday", kind=FeatureKind.BOOLEAN, nullable=False),
        ),
        utc_offset=timedelta(0),
    )
    spec = ModelSpec(
        name=MODEL,
        title="Will a trip be late?",
        task=Task.CLASSIFICATION,
        metric=default_metric(Task.CLASSIFICATION, is_multiclass=bool(classes)),
        group=group,
        feature_names=tuple(column.name for column in group.columns),
        label=LabelSpec(name="late", latency=timedelta(days=3), of_predictions=True, classes=classes),
        triggers=TriggerPolicy(every=timedelta(days=28), cooldown=timedelta(days=7)),
        training=TrainingPolicy(
            windows=(timedelta(days=28),),
            validation=timedelta(days=5),
            gate=timedelta(days=7),
            embargo=timedelta(days=3),
            minimum_rows=100,
        ),
        gate=GatePolicy(),
    )
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "distance": rng.integers(100, 3_000, 400).astype(float),
            "wind": np.where(rng.random(400) < 0.1, np.nan, rng.integers(0, 40, 400)),
            "carrier": pd.Categorical(rng.choice(["B6", "DL", "UA"], 400)),
            "holiday": rng.random(400) < 0.1,
        }
    )
    estimator = HistGradientBoostingClassifier(max_iter=3, categorical_features="from_dtype", random_state=0)
    lateness = np.digitize(frame["distance"] + 40 * frame["wind"].fillna(0), [2_200, 3_000] if classes else [2_200])
    fitted = estimator.fit(frame, lateness)
    return Doors(spec=spec, model=FlatModel.from_bytes(to_flat(fitted, spec)))


def http_page() -> str:
    doors = make_doors()
    routes = "\n".join(
        f"| `{each.method} {each.path}` | {each.means} | {'always' if each.always_signed else 'unless `none`'} |"
        for each in ROUTES
    )
    return (
        "\n\n".join(
            [
                "# The HTTP API",
                "Made by `make reference`: the functions in `serving` and `lambdas/collect` are asked, and what they answer stands here; predictions are cut to four digits. "
                f"The address is the output `{Output.API_URL}` of the stack `{stack_name('<stage>', StackName.SERVING)}`. Bodies are JSON.",
                f"| route | answers | signed |\n|---|---|---|\n{routes}",
                "Signed is by AWS Signature 4 for the service `execute-api`, as `evertrain predict` and `curl --aws-sigv4` do; `none` is a deployment with `-c endpoint_auth=none`. "
                f"All callers together may send {RATE_LIMIT} requests a second, and {BURST_LIMIT} at once.",
                *_predictions(doors),
                *_predictions_of_classes(make_doors(CLASSES)),
                *_labels(doors),
                *_description(doors),
                *_refusals(doors),
            ]
        )
        + "\n"
    )


def _predictions(doors: Doors) -> Iterator[str]:
    yield f"## `{PREDICT.method} {PREDICT.path}`"
    yield (
        "One row, as an object with exactly the model's features; a time is ISO 8601 text. The answer is the probability of class 1, or the number. "
        "By `prediction_id` labels can be told later, and the access log has it, too."
    )
    yield _example(PREDICT, ROW, doors.ask(PREDICT, ROW))
    many = {"rows": [ROW, ROW | {"distance": 2900, "carrier": "DL"}]}
    yield f"Or up to {MAX_ROWS:,} rows; predictions come in their order. The id of row 3 is `<prediction_id>:3`, counted from 0."
    yield _example(PREDICT, many, doors.ask(PREDICT, many))
    yield (
        "Where the model declares `[endpoint] explore`, `explore` says of each row whether the caller is to act as if there were no prediction: so labels come in for rows "
        "that would not have got one."
    )
    yield _example(PREDICT, many, replace(doors, explore=0.3).ask(PREDICT, many))


def _predictions_of_classes(doors: Doors) -> Iterator[str]:
    names = ", ".join(doors.spec.label.classes)
    yield (
        f"Where `label.classes` names more than two, such as {names}, a prediction is an object with the probability of each. A class that no training row had has the "
        "probability 0."
    )
    yield _example(PREDICT, ROW, doors.ask(PREDICT, ROW))


def _labels(doors: Doors) -> Iterator[str]:
    yield f"## `{REPORT_LABELS.method} {REPORT_LABELS.path}`"
    yield (
        "One label, by the key and the event time of the group's row. It is kept when the answer comes, and lands within a minute; of a row that is told twice the later label counts. "
        "A class is 0 or 1, or true or false."
    )
    yield _example(REPORT_LABELS, LABEL, doors.ask(REPORT_LABELS, LABEL))
    body = {"labels": [OF_PREDICTION]}
    yield (
        f"Or up to {MAX_LABELS:,} as `labels`. Where the model declares `[label] of_predictions`, a label may name a prediction in place of the row "
        "([how-to/labels.md](how-to/labels.md)); an `event_time`, when it happened, may stand beside it."
    )
    yield _example(REPORT_LABELS, body, doors.ask(REPORT_LABELS, body))


def _description(doors: Doors) -> Iterator[str]:
    yield f"## `{DESCRIBE.method} {DESCRIBE.path}`"
    yield "What the model that answers now wants to be asked."
    yield _example(DESCRIBE, None, doors.ask(DESCRIBE))


def _refusals(doors: Doors) -> Iterator[str]:
    yield "## Refusals"
    yield (
        "Whatever is refused is answered with one sentence in `error`, and nothing of it is kept. It names the row, where there are several, and the feature, and says nothing of what "
        "a value holds."
    )
    lines = ["| status | asked | `error` |", "|---|---|---|"]
    lines += [f"| {status} | {_escaped(what)} | {_escaped(error)} |" for status, what, error in refusals(doors)]
    yield "\n".join(lines)
    yield (
        "API Gateway itself answers with `message` in place of `error`: 403 without a valid signature, 429 above the rates, 413 for more than 10 MB. 500 comes with `request_id`, "
        "by which the function's log has what happened. Worth trying again are 429 and 500, and 503 once a first model is there."
    )


def refusals(doors: Doors) -> Iterator[tuple[int, str, str]]:
    """Status, what was asked in words, and the sentence."""
    predict, report = f"{PREDICT.method} …/predict", f"{REPORT_LABELS.method} …/labels"
    asked: list[tuple[str, Answer]] = [
        (f"{predict}, nothing", doors.ask(PREDICT, raw="")),
        (f"{predict}, no JSON", doors.ask(PREDICT, raw="{")),
        (f"{predict}, a feature is missing", doors.ask(PREDICT, {"distance": 740})),
        (f"{predict}, a value of another kind", doors.ask(PREDICT, ROW | {"distance": "far"})),
        (f"{predict}, a feature too many", doors.ask(PREDICT, ROW | {"colour": "red"})),
        (f"{predict}, the second row is wrong", doors.ask(PREDICT, {"rows": [ROW, ROW | {"holiday": None}]})),
        (f"{predict}, no rows", doors.ask(PREDICT, {"rows": []})),
        (f"{predict}, {MAX_ROWS + 1:,} rows", doors.ask(PREDICT, {"rows": [ROW] * (MAX_ROWS + 1)})),
        (f"{predict}, a large body", doors.ask(PREDICT, raw=" " * (MAX_BODY_BYTES + 1))),
        (f"{predict}, before the first promotion", replace(doors, model=None).ask(PREDICT, ROW)),
        (f"{predict}, something failed", replace(doors, model=Broken()).ask(PREDICT, ROW)),
        (f"{report}, the label is missing", doors.ask(REPORT_LABELS, {"trip_id": "t-81"})),
        (f"{report}, no class", doors.ask(REPORT_LABELS, LABEL | {"late": 2})),
        (f"{report}, no time", doors.ask(REPORT_LABELS, LABEL | {"departed_at": "yesterday"})),
        (f"{report}, later than now", doors.ask(REPORT_LABELS, LABEL | {"departed_at": "2025-04-01T00:00:00Z"})),
        (f"{report}, no labels", doors.ask(REPORT_LABELS, {"labels": []})),
        (f"{report}, {MAX_LABELS + 1:,} labels", doors.ask(REPORT_LABELS, {"labels": [LABEL] * (MAX_LABELS + 1)})),
        (f"{report}, a large body", doors.ask(REPORT_LABELS, raw=" " * (labels.MAX_BODY_BYTES + 1))),
        (f"{report}, of a model that is not there", doors.ask(REPORT_LABELS, LABEL, model="boats")),
        ("another model", doors.ask_elsewhere("POST", "/models/boats/predict")),
        ("another path", doors.ask_elsewhere("GET", "/predict")),
        ("another method", doors.ask_elsewhere("GET", "/models/late/predict")),
    ]
    for what, (status, answer) in asked:
        yield status, what, answer["error"]


class Broken:
    """A model that fails, as none should."""

    @property
    def features(self) -> Any:
        raise RuntimeError("out of order")


def _example(route: Route, body: object, answer: Answer) -> str:
    status, answered = answer
    request = "" if body is None else f"\n\n{json.dumps(body)}"
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    return f"```http\n{route.method} {route.of(MODEL)}{request}\n```\n\n```http\n{head}\n\n{_shown(answered)}\n```"


def _shown(answer: dict[str, Any]) -> str:
    if "predictions" in answer:
        answer = answer | {"predictions": [_rounded(each) for each in answer["predictions"]]}
    if "features" in answer:
        lines = ",\n".join(f"    {json.dumps(each)}" for each in answer["features"])
        rest = json.dumps({name: value for name, value in answer.items() if name != "features"})
        return f'{rest[:-1]}, "features": [\n{lines}\n]}}'
    return json.dumps(answer)


def _rounded(prediction: float | dict[str, float]) -> object:
    if isinstance(prediction, dict):
        return {name: round(each, 4) for name, each in prediction.items()}
    return round(prediction, 4)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
