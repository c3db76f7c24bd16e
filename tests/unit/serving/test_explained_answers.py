"""`?explain=true`: what each feature added, in any form that has a place for it; and what it is refused for."""

import json
import math
from dataclasses import replace
from functools import cache

import pytest
from jsonschema import Draft202012Validator
from sklearn.ensemble import HistGradientBoostingClassifier

from evertrain.conversion import to_flat
from evertrain.domain.release.openapi import api_document, declared_model
from evertrain.scoring import FlatModel
from serving import wiring
from tests.builders.models import LATENESS, a_model_of_classes
from tests.builders.training_frames import lateness, training_frame
from tests.unit.serving.conftest import ROW, Endpoint
from tests.unit.serving.test_handler import kept

FAR = ROW | {"distance": 2900.0, "wind": 60.0}
EXPLAIN = {"explain": "true"}


def test_base_and_contributions_add_up_to_the_prediction(endpoint: Endpoint) -> None:
    status, answer = endpoint.post({"rows": [ROW, FAR]}, query=EXPLAIN)
    assert status == 200
    assert answer["predictions"] == endpoint.post({"rows": [ROW, FAR]})[1]["predictions"]
    for explanation, prediction in zip(answer["explanations"], answer["predictions"], strict=True):
        assert explanation["scale"] == "log-odds"
        assert list(explanation["contributions"]) == ["distance", "wind", "carrier", "holiday"]
        total = explanation["base"] + sum(explanation["contributions"].values())
        assert 1 / (1 + math.exp(-total)) == pytest.approx(prediction)
    near, far = (each["contributions"]["distance"] for each in answer["explanations"])
    assert near < 0 < far


def test_nothing_is_explained_unasked(endpoint: Endpoint) -> None:
    served_model = wiring.served_model()
    for query in (None, {}, {"explain": "false"}):
        assert "explanations" not in endpoint.post(ROW, query=query)[1]
    assert "explainer" not in vars(served_model)
    endpoint.post(ROW, query=EXPLAIN)
    assert "explainer" in vars(served_model), "made once, and kept"


def test_a_parameter_that_there_is_not_is_refused_by_its_name_but_a_signature_s_are_no_trouble(
    endpoint: Endpoint,
) -> None:
    for query in ({"explan": "true"}, {"explan": "true", **EXPLAIN}):
        status, sentence = endpoint.refusal(ROW, query=query)
        assert (status, sentence) == (400, "explan: there is no such parameter; there is explain")
    assert "explanations" in endpoint.post(ROW, query={"X-Amz-Signature": "0a", **EXPLAIN})[1]


def test_of_several_classes_each_has_base_and_contributions(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame, spec = training_frame(), a_model_of_classes()
    estimator = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype", random_state=0)
    model = FlatModel.from_bytes(to_flat(estimator.fit(frame, lateness(frame)), spec, rows=frame))
    monkeypatch.setattr(wiring, "served_model", cache(lambda: wiring.ServedModel(model=model, version="v2")))
    status, answer = endpoint.post({"rows": [ROW, FAR]}, query=EXPLAIN)
    assert status == 200
    for explanation, prediction in zip(answer["explanations"], answer["predictions"], strict=True):
        assert explanation["scale"] == "logit"
        assert list(explanation["base"]) == list(explanation["contributions"]) == list(prediction) == list(LATENESS)
        powers = {
            name: math.exp(base + sum(explanation["contributions"][name].values()))
            for name, base in explanation["base"].items()
        }
        assert {name: each / sum(powers.values()) for name, each in powers.items()} == pytest.approx(prediction)
    told = api_document([declared_model(spec)], title="trips", version="v1", about="")
    schema = {"$ref": f"#/components/schemas/{spec.name}.answer", "components": told["components"]}
    Draft202012Validator(schema).validate(answer)


def test_in_json_lines_each_row_has_its_explanation(endpoint: Endpoint) -> None:
    expected = endpoint.post({"rows": [ROW, FAR]}, query=EXPLAIN)[1]["explanations"]
    answer = endpoint.ask({"rows": [ROW, FAR]}, query=EXPLAIN, headers={"accept": "application/jsonlines"})
    assert [json.loads(line)["explanation"] for line in answer["body"].splitlines()] == expected


def test_what_is_not_explained_is_refused(endpoint: Endpoint) -> None:
    assert endpoint.refusal(ROW, query=EXPLAIN, headers={"accept": "text/csv"}) == (
        406,
        "accept: explanations do not fit into CSV; ask for application/json or application/jsonlines",
    )
    assert endpoint.refusal({"rows": [ROW] * 101}, query=EXPLAIN) == (
        413,
        "rows: 101 are too many to be explained at once, 100 are allowed",
    )
    assert endpoint.refusal(ROW, query={"explain": "yes"}) == (400, "explain: true or false, not 'yes'")
    # Where only the explanation is refused the model has answered, and is not unwell: that is kept.
    assert [(len(each.predictions), each.trouble) for each in kept()] == [(101, "")]


def test_a_version_from_before_says_so(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    served = wiring.served_model()
    assert served is not None
    steps = [replace(step, parameters={**step.parameters, "leaf_covers": None}) for step in served.model.steps]
    before = wiring.ServedModel(replace(served.model, steps=tuple(steps)), "v0")
    monkeypatch.setattr(wiring, "served_model", cache(lambda: before))
    assert endpoint.post(ROW)[0] == 200
    sentence = "explain: not of version v0: it was trained before predictions could be explained; retrain it"
    assert endpoint.refusal(ROW, query=EXPLAIN) == (400, sentence)


@pytest.mark.parametrize(("rows", "where"), [(1, ""), (2, "row 1: ")])
def test_contributions_that_are_no_finite_numbers_are_refused(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, rows: int, where: str
) -> None:
    """Of a sum that overflows: its logistic is 1 all the same."""
    served = wiring.served_model()
    assert served is not None
    explainer = served.explainer
    explain = explainer.explain

    def overflow(rows: list[object]) -> list[object]:
        *others, last = explain(rows)  # type: ignore[arg-type]
        return [*others, replace(last, contributions=last.contributions | {"wind": math.inf})]  # type: ignore[operator]

    monkeypatch.setattr(explainer, "explain", overflow)
    sentence = f"{where}a contribution is not a finite number; the features' values are too large"
    assert endpoint.refusal({"rows": [ROW] * rows}, query=EXPLAIN) == (400, sentence)
