"""The page on a retraining: what competed, what the gate said, and where the version came from."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest

from evertrain.domain.project.policies import EndpointPolicy, GatePolicy, SearchMethod, SearchSpace, SliceSpec
from evertrain.domain.release.registry import UnknownVersion
from evertrain.reports.retraining_page import RetrainingPage
from evertrain.use_cases.training.read_retraining import ReadRetraining
from tests.builders.models import days
from tests.builders.retraining import MODEL, Retraining, a_trainable_model


def page_of(loop: Retraining, version: str = "") -> RetrainingPage:
    return ReadRetraining(registry=loop.registry, decisions=loop.decisions, runs=loop.runs).run(MODEL, version)


def pictures(html: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(each) for each in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]  # noqa: S314  # ours


def test_windows_with_their_intervals_and_the_gate_are_drawn() -> None:
    loop = Retraining()
    first = loop.promoted("d-1")
    loop.advance(days(7))
    second = loop.register(loop.evaluated("d-2")).version
    page = page_of(loop, second.version)
    assert page.version == second
    assert [(each.name, each.mark) for each in page.competitors if each.mark == "chosen"] == [
        (str(second.candidate), "chosen")
    ]
    assert {each.name for each in page.competitors} == {"14d", "28d"}
    html = page.render()
    candidates, gate, difference, rows = pictures(html)
    assert len(candidates.findall(".//circle")) == 2
    assert len(gate.findall(".//circle")) == 2
    assert len(difference.findall(".//circle")) == 1
    assert [each.get("class") for each in rows.findall(".//rect")] == [
        "train",
        "train",
        "validation",
        "gate",
        "train",
    ]
    assert "fitted again: 28d" in html
    assert "The champion has learnt from rows up to 2013-03-29, so the same recipe stands for it" in html
    assert f"champion {first}" in html
    for told in (second.gate.sentence, second.artifact_sha256, second.training_set.sha256[:16], "carrier="):
        assert told in html
    # Nothing is drawn outside of its picture.
    for x in (float(line.get("x1", "nan")) for picture in (candidates, gate) for line in picture.iter("line")):
        assert 0 <= x <= 960


def test_each_slice_is_told_with_what_can_be_said_of_it() -> None:
    """A margin that nothing reaches, and one group alone that has rows enough."""
    gate = GatePolicy(margin=0.02, slices=(SliceSpec(column="carrier", margin=0.9, minimum_rows=150),))
    loop = Retraining(a_trainable_model(gate=gate))
    carriers = loop._rows.table["carrier"].to_pylist()
    column = pa.array([value if number % 4 else "UA" for number, value in enumerate(carriers)])
    table = loop._rows.table
    loop._rows.table = table.set_column(table.column_names.index("carrier"), "carrier", column)
    loop.promoted("d-1")
    loop.advance(days(7))
    page = page_of(loop, loop.register(loop.evaluated("d-2")).version.version)
    said = {comparison.name: verdict for comparison, verdict in page.slices}
    assert said.keys() == {"carrier=DL", "carrier=UA", "carrier=WN"}
    assert said["carrier=UA"] in ("better", "not worse")
    assert said["carrier=WN"] == "too few rows or days to say"
    html = page.render()
    row = re.search(r"<td>carrier=UA</td>.*?</tr>", html)
    assert row is not None
    assert re.search(r"[+-]0\.\d{4} \[[+-]0\.\d{4}, [+-]0\.\d{4}\]", row[0])
    assert "<td>carrier=WN</td><td>too few rows or days to say</td>" in html


def test_where_labels_depend_on_predictions_it_is_said_how_many_rows_they_stand_for() -> None:
    loop = Retraining(replace(a_trainable_model(), endpoint=EndpointPolicy(explore=0.1)))
    weights = np.where(np.arange(loop._rows.table.num_rows) % 10, 1.0, 5.0)
    loop._rows.table = loop._rows.table.append_column("label_weight", pa.array(weights))
    loop.promoted("d-1")
    html = page_of(loop).render()
    assert html.count("Labels of requests depend on what was predicted") == 1
    assert "gate: they stand for 588 rows, one of them for 5, and say as much as 242 that stand for one" in html


def test_a_first_model_is_judged_by_its_floor_alone() -> None:
    loop = Retraining()
    loop.promoted("d-1")
    page = page_of(loop)
    assert len(pictures(page.render())) == 3
    assert "Passed the gate: the first model" in page.render()


def test_candidates_of_earlier_rounds_are_told_with_the_round_that_ended_them() -> None:
    spec = a_trainable_model(minimum_rows=100)
    search = SearchSpace(parameters={"max_iter": (1, 10), "max_leaf_nodes": (2, 7)}, method=SearchMethod.HALVING)
    loop = Retraining(replace(spec, training=replace(spec.training, search=search)))
    planned = loop.plan("d-1")
    for name in planned.round.candidates:
        loop.train(planned.plan_uri, name)
    for name in loop.narrow(planned.plan_uri).candidates:
        loop.train(planned.plan_uri, name, round_number=2)
    loop.evaluate(planned.plan_uri, round_number=2)
    loop.register(planned.plan_uri)
    page = page_of(loop)
    assert sorted(each.mark for each in page.competitors) == ["chosen", "lost", *["out"] * 6]
    assert {each.description for each in page.competitors if each.mark == "out"} == {"out after round 1"}
    assert len(pictures(page.render())[0].findall(".//circle")) == 8


def test_a_candidate_that_could_not_be_trained_is_told_with_the_reason() -> None:
    loop = Retraining(a_trainable_model(minimum_rows=1_000))
    version = loop.register(loop.evaluated("d-1")).version
    (out, chosen) = page_of(loop, version.version).competitors
    assert (out.name, out.score, chosen.mark) == ("14d", None, "chosen")
    assert out.description
    assert out.description in page_of(loop).render().replace("&#39;", "'")


def test_before_there_is_a_version_that_is_said() -> None:
    with pytest.raises(UnknownVersion, match="trips has no version yet: nothing has been trained"):
        page_of(Retraining())
    with pytest.raises(UnknownVersion):
        page_of(Retraining(), "v9")
