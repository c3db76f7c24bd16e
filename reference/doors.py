"""The functions behind the HTTP API without AWS, for pages that show what they answer."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

from evertrain.adapters.memory.messages import InMemoryClock
from evertrain.conversion import to_flat
from evertrain.domain.deployment.routes import (
    API_DOCUMENT,
    REPORT_LABELS,
    Route,
)
from evertrain.domain.landing.label_reports import LabelReport
from evertrain.domain.landing.predictions import AnsweredRequest
from evertrain.domain.project.defaults import default_metric
from evertrain.domain.project.feature_group import Column, FeatureGroup, FeatureKind
from evertrain.domain.project.metric import Task
from evertrain.domain.project.model import LabelSpec, ModelSpec, Project
from evertrain.domain.project.policies import GatePolicy, TrainingPolicy, TriggerPolicy
from evertrain.domain.release.openapi import project_document
from evertrain.scoring import FlatModel
from evertrain.use_cases.landing.report_labels import ReportLabels
from lambdas.collect import labels, openapi
from serving import handler, wiring

NOW = datetime(2025, 3, 12, 9, 30, tzinfo=UTC)
MODEL, VERSION, REQUEST_ID = "late", "20250301-0600-3fa29b1c", "HlX2hgDHoAMEQJg="

Answer = tuple[int, dict[str, Any]]


@dataclass
class Doors:
    """The functions behind the HTTP API, with a model for people's trips; and what they keep."""

    spec: ModelSpec
    model: "FlatModel | Broken | None"
    explore: float = 0.0
    kept: list[AnsweredRequest] = field(default_factory=list)
    reported: list[LabelReport] = field(default_factory=list)

    def ask(
        self,
        route: Route,
        body: object = None,
        *,
        model: str = MODEL,
        raw: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        text = json.dumps(body) if raw is None else raw
        status, answer = self.ask_for_text(route, text, model=model, headers=headers, query=query)
        return status, json.loads(answer)

    def ask_for_text(
        self,
        route: Route,
        body: str,
        *,
        model: str = MODEL,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        more = {"headers": dict(headers or {}), "queryStringParameters": dict(query or {})}
        answer = self.answer(route.method, route.of(model), {"body": body, **more}, route=route)
        return answer["statusCode"], answer["body"]

    def model_before(self) -> FlatModel:
        """The model as it was trained before predictions could be explained."""
        assert isinstance(self.model, FlatModel)  # noqa: S101  # of make_doors
        without = [replace(step, parameters={**step.parameters, "leaf_covers": None}) for step in self.model.steps]
        return replace(self.model, steps=tuple(without))

    def ask_elsewhere(self, method: str, path: str) -> Answer:
        """What no route of a model takes."""
        answer = self.answer(method, path, {"body": ""}, route=None)
        return answer["statusCode"], json.loads(answer["body"])

    def answer(self, method: str, path: str, request: Mapping[str, Any], *, route: Route | None) -> dict[str, Any]:
        """As the HTTP API gets it from the function that the route leads to; None where none takes it."""
        context = {
            "requestId": REQUEST_ID,
            "timeEpoch": int(NOW.timestamp() * 1000),
            "http": {"method": method},
        }
        doors: Mapping[Route, Any] = {REPORT_LABELS: labels.report_handler, API_DOCUMENT: openapi.document_handler}
        door = doors.get(route, handler.lambda_handler) if route else handler.unknown_model_handler
        with self._wired():
            answer: dict[str, Any] = door({"requestContext": context, "rawPath": path, **request}, None)
        return answer

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
            stack.enter_context(patch.object(openapi, "described_api", lambda: project_document(project)))
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


class Broken:
    """A model that fails, as none should."""

    @property
    def features(self) -> Any:
        raise RuntimeError("out of order")
