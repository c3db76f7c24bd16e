"""Drift is found where it is and not where it isn't; what broke other tools does not break this one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evertrain.domain.landing.predictions import PREDICTION
from evertrain.domain.monitoring.drift import DriftStatus, FeatureDrift
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.policies import DriftPolicy, DriftRule
from evertrain.statistics.layouts import Categories, NumericLayout, build_layout
from evertrain.statistics.measures import js_divergence, kl_divergence, psi, shares
from evertrain.statistics.reference import (
    InvalidReference,
    Reference,
    build_prediction_reference,
    build_reference,
)
from evertrain.statistics.sketch import Sketch, merge
from evertrain.statistics.verdict import judge

POLICY = DriftPolicy(psi_threshold=0.02)
SMALL_EFFECTS_COUNT = DriftPolicy(psi_threshold=0.0)
NUMBER = Column(name="x", kind=FeatureKind.NUMERIC)
TEXT = Column(name="c", kind=FeatureKind.CATEGORICAL)
FLAG = Column(name="b", kind=FeatureKind.BOOLEAN)


def drift_of(column: Column, before: Any, after: Any, policy: DriftPolicy = POLICY) -> FeatureDrift:
    reference = build_reference({column.name: values_of(column, before)}, [column])
    (found,) = judge(reference, reference.sketch({column.name: values_of(column, after)}), policy=policy).features
    return found


def values_of(column: Column, values: Any) -> np.ndarray | Categories:
    return (
        Categories.from_values(values) if column.kind is FeatureKind.CATEGORICAL else np.asarray(values, dtype=float)
    )


def normal(rows: int, *, mean: float = 0.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1.0, rows)


# --- measures -----------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=30), st.integers(0, 1000))
def test_identical_counts_have_no_distance_and_others_a_positive_one(counts: list[int], more: int) -> None:
    same, other = shares(counts), shares([counts[0] + 2000 + more, *counts[1:]])
    assert psi(same, same) == kl_divergence(same, same) == js_divergence(same, same) == 0
    assert psi(same, other) > 0
    assert 0 < js_divergence(same, other) <= np.log(2)
    assert psi(same, other) == pytest.approx(kl_divergence(same, other) + kl_divergence(other, same))
    assert kl_divergence(same, other) == pytest.approx(stats.entropy(other, same), abs=1e-12)


@settings(max_examples=60)
@given(seed=st.integers(0, 9999), shift=st.floats(-3, 3), scale=st.floats(0.1, 4))
def test_the_distances_are_scipy_s_to_the_promised_digits(seed: int, shift: float, scale: float) -> None:
    rng = np.random.default_rng(seed)
    before, after = rng.normal(size=4000), shift + scale * rng.normal(size=900)
    found = drift_of(NUMBER, before, after)
    assert found.wasserstein is not None
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(before, after), abs=5e-4 * max(1, scale))
    layout = build_layout(before)
    assert isinstance(layout, NumericLayout)
    heaviest = max(layout.count(rows).max() / len(rows) for rows in (before, after))
    assert found.ks == pytest.approx(stats.ks_2samp(before, after).statistic, abs=heaviest)


def test_the_order_of_rows_changes_nothing() -> None:
    before, after = normal(2000), normal(500, mean=0.3, seed=1)
    assert drift_of(NUMBER, before, after) == drift_of(NUMBER, before[::-1], np.sort(after))


# --- verdicts -----------------------------------------------------------------------------------


def test_a_shift_by_a_deviation_is_drift_and_says_so() -> None:
    found = drift_of(NUMBER, normal(5000), normal(500, mean=1.0, seed=1))
    assert found.drifted
    assert found.p_value < 1e-6
    assert found.wasserstein_normalised == pytest.approx(1.0, abs=0.15)
    assert found.sentence.startswith("x: PSI ")
    assert "mean 0." in found.sentence or "mean -0." in found.sentence


def test_a_new_category_is_drift_and_counted_as_unseen() -> None:
    found = drift_of(TEXT, ["a"] * 900 + ["b"] * 100, ["a"] * 400 + ["z"] * 100)
    assert found.drifted
    assert found.unseen_share == 0.2
    assert found.wasserstein is None
    assert "20.0% never seen in training" in found.sentence


def test_rare_levels_that_take_turns_are_no_drift() -> None:
    rng = np.random.default_rng(0)
    levels = [f"dest{number}" for number in range(400)]
    before, after = rng.choice(levels, 20_000), rng.choice(levels, 900)
    assert not drift_of(TEXT, before, after).drifted


def test_values_that_go_missing_are_drift() -> None:
    after = normal(500, seed=1)
    after[:200] = np.nan
    found = drift_of(NUMBER, normal(5000), after)
    assert found.drifted
    assert found.missing_share == 0.4
    assert "missing 0.0% -> 40.0%" in found.sentence


def test_a_flag_that_is_set_more_often_is_drift() -> None:
    found = drift_of(FLAG, [0.0] * 900 + [1.0] * 100, [0.0] * 300 + [1.0] * 200)
    assert found.drifted
    assert found.wasserstein is None


def test_a_mostly_zero_feature_is_not_blind_to_its_zeros() -> None:
    before = np.where(np.arange(5000) % 100 < 95, 0.0, normal(5000) ** 2)
    after = np.where(np.arange(500) % 100 < 60, 0.0, normal(500, seed=1) ** 2)
    layout = build_layout(before)
    assert isinstance(layout, NumericLayout)
    assert layout.atoms == (0.0,)
    assert drift_of(NUMBER, before, after).drifted


def test_one_absurd_outlier_hides_nothing_and_is_no_drift_itself() -> None:
    before = np.append(normal(5000), 1e12)
    assert not drift_of(NUMBER, normal(5000), np.append(normal(500, seed=1), 1e12)).drifted
    assert drift_of(NUMBER, before, normal(500, mean=1.0, seed=1)).drifted


@pytest.mark.parametrize(
    ("before", "after", "drifted"),
    [
        ([7.0] * 1000, [7.0] * 300, False),
        ([7.0] * 1000, [8.0] * 300, True),
        ([np.nan] * 1000, [np.nan] * 300, False),
        ([np.nan] * 1000, [1.0] * 300, True),
        ([1.0] * 1000, [np.nan] * 300, True),
        ([1.0, np.inf] * 500, [1.0, np.inf] * 150, False),
        ([1.0, 2.0] * 500, [1.0, np.inf] * 150, True),
        ([0.0, 1.0] * 500, [0.0, 1.0] * 150, False),
        ([5e-324] * 1000, [5e-324] * 300, False),
        ([2.0**63] * 500 + [2.0**63 + 2048] * 500, [2.0**63 + 2048] * 300, True),
    ],
)
def test_degenerate_columns_are_judged_without_a_fault(
    before: list[float], after: list[float], drifted: bool
) -> None:
    found = drift_of(NUMBER, before, after)
    assert found.drifted is drifted
    for value in (found.psi, found.kl, found.js, found.p_value, found.missing_share):
        assert np.isfinite(value)


def test_an_empty_batch_is_too_few_rows_and_no_fault() -> None:
    assert status_of(normal(1000), [], policy=POLICY) is DriftStatus.TOO_FEW_ROWS


def test_below_the_minimum_of_rows_nothing_is_said() -> None:
    assert status_of(normal(1000), normal(8, mean=3.0), policy=DriftPolicy()) is DriftStatus.TOO_FEW_ROWS
    assert status_of(normal(1000), normal(800, mean=3.0), policy=DriftPolicy()) is DriftStatus.DRIFTED


def status_of(before: Any, after: Any, *, policy: DriftPolicy) -> DriftStatus:
    reference = build_reference({"x": np.asarray(before)}, [NUMBER])
    return judge(reference, reference.sketch({"x": np.asarray(after, dtype=float)}), policy=policy).status


def test_a_trivial_shift_in_a_million_rows_is_significant_and_still_no_drift() -> None:
    found = drift_of(NUMBER, normal(200_000), normal(1_000_000, mean=0.02, seed=1), DriftPolicy(psi_threshold=0.1))
    assert found.p_value < 0.01
    assert not found.drifted


@pytest.mark.parametrize("rows", [200, 1000, 5000])
def test_independent_rows_that_did_not_drift_seldom_raise_an_alarm(rows: int) -> None:
    """20 features, 60 batches: at a false discovery rate of 1 % about one batch in a hundred may alarm."""
    columns = [Column(name=f"x{number}", kind=FeatureKind.NUMERIC) for number in range(20)]
    rng = np.random.default_rng(7)
    reference = build_reference({column.name: rng.normal(size=20_000) for column in columns}, columns)
    alarms = 0
    for _ in range(60):
        batch: Mapping[str, np.ndarray] = {column.name: rng.normal(size=rows) for column in columns}
        alarms += any(
            found.drifted for found in judge(reference, reference.sketch(batch), policy=SMALL_EFFECTS_COUNT).features
        )
    assert alarms <= 4


def test_days_that_always_lie_apart_are_no_drift_but_a_day_beyond_them_is() -> None:
    """Each day has a level of its own, as weather has: a month's rows are no random sample of any day's."""
    rng = np.random.default_rng(0)
    level = rng.normal(0, 1, 28)
    days = np.repeat(np.arange(28), 300)
    before = level[days] + rng.normal(0, 0.3, len(days))
    reference = build_reference({"x": before}, [NUMBER], blocks=days)
    usual = rng.normal(0.8, 0.3, 300)
    (found,) = judge(reference, reference.sketch({"x": usual}), policy=POLICY).features
    assert found.psi > 1
    assert not found.drifted
    (found,) = judge(reference, reference.sketch({"x": usual + 6}), policy=POLICY).features
    assert found.drifted
    assert "training days up to" in found.sentence


# --- the stored form ----------------------------------------------------------------------------


def test_a_reference_survives_being_stored() -> None:
    rng = np.random.default_rng(0)
    columns = {
        "x": rng.normal(size=3000),
        "c": Categories.from_values(rng.choice(["a", "b", None], 3000)),
        "b": rng.integers(0, 2, 3000) * 1.0,
    }
    reference = build_reference(columns, [NUMBER, TEXT, FLAG], blocks=np.repeat(np.arange(10), 300))
    data = reference.to_bytes()
    again = Reference.from_bytes(data)
    assert again.to_bytes() == data
    assert again.layout_digest == reference.layout_digest
    sketch = reference.sketch(columns)
    assert judge(again, sketch, policy=POLICY) == judge(reference, sketch, policy=POLICY)
    assert len(data) < 32 * 1024


@pytest.mark.parametrize("data", [b"", b"PAR1", b"\x1f\x8b\x08\x00broken"])
def test_what_is_no_reference_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidReference):
        Reference.from_bytes(data)


def test_by_convention_a_psi_above_the_threshold_is_drift_however_few_rows_there_are() -> None:
    conventional = DriftPolicy(rule=DriftRule.CONVENTIONAL, psi_threshold=0.1, minimum_rows=30)
    before, after = normal(5_000), normal(60, seed=1)
    by_chance = drift_of(NUMBER, before, after, conventional)
    assert by_chance.psi > by_chance.threshold == 0.1
    assert by_chance.drifted
    assert not drift_of(NUMBER, before, after, replace(conventional, rule=DriftRule.CALIBRATED)).drifted


# --- slices -------------------------------------------------------------------------------------


def fares(rows: int, *, seed: int, raised_at: str = "") -> dict[str, np.ndarray | Categories]:
    rng = np.random.default_rng(seed)
    origin = rng.choice(["EWR", "JFK", "LGA"], rows, p=[0.45, 0.45, 0.1])
    fare = rng.normal(100, 10, rows) + np.where(origin == raised_at, 25.0, 0.0)
    return {"c": Categories.from_values(origin.tolist()), "x": fare, "b": (rng.random(rows) < 0.3).astype(float)}


SLICED = build_reference(fares(20_000, seed=0), [TEXT, NUMBER, FLAG], slices=["c", "b"])


def test_a_small_group_that_drifted_is_found_and_named_although_the_whole_is_stable() -> None:
    found = judge(SLICED, SLICED.sketch(fares(3_000, seed=1, raised_at="LGA")), policy=DriftPolicy())
    assert found.drifted_features == ()
    assert found.drifted_slices == ("c=LGA",)
    assert found.drifted == ("x where c=LGA",)
    assert found.status is DriftStatus.DRIFTED
    assert found.sentences[0].startswith("c=LGA: x: PSI")


def test_slices_are_the_levels_of_declared_columns_with_their_own_rows() -> None:
    found = judge(SLICED, SLICED.sketch(fares(3_000, seed=1)), policy=DriftPolicy())
    assert {str(each.of) for each in found.slices} == {"c=EWR", "c=JFK", "c=LGA", "b=True", "b=False"}
    assert sum(each.rows for each in found.slices if each.of.column == "c") == 3_000
    assert found.status is DriftStatus.STABLE


def test_a_slice_with_few_rows_says_nothing() -> None:
    found = judge(SLICED, SLICED.sketch(fares(400, seed=1, raised_at="LGA")), policy=DriftPolicy())
    (lga,) = [each for each in found.slices if str(each.of) == "c=LGA"]
    assert lga.status is DriftStatus.TOO_FEW_ROWS
    assert found.drifted_slices == ()


def test_a_level_that_is_gone_from_a_batch_is_an_empty_slice() -> None:
    batch = fares(1_000, seed=1)
    batch["c"] = Categories.from_values(["EWR"] * 1_000)
    found = judge(SLICED, SLICED.sketch(batch), policy=DriftPolicy())
    assert {each.rows for each in found.slices if str(each.of) in {"c=JFK", "c=LGA"}} == {0}
    assert "c" in found.drifted_features


def test_sliced_references_and_sketches_outlive_being_stored() -> None:
    again = Reference.from_bytes(SLICED.to_bytes())
    assert again.layout_digest == SLICED.layout_digest
    sketch = SLICED.sketch(fares(1_000, seed=2))
    assert Sketch.from_bytes(sketch.to_bytes()) == sketch
    assert merge([again.empty_sketch, sketch]) == sketch
    assert judge(again, sketch, policy=POLICY) == judge(SLICED, sketch, policy=POLICY)


def test_slices_of_parts_add() -> None:
    batch = fares(1_000, seed=2)
    halves = [{name: column[rows] for name, column in batch.items()} for rows in np.split(np.arange(1_000), 2)]
    assert merge([SLICED.sketch(half) for half in halves]) == SLICED.sketch(batch)


# --- predictions --------------------------------------------------------------------------------


def test_predictions_are_compared_with_those_on_rows_that_were_held_out() -> None:
    rng = np.random.default_rng(0)
    reference = build_prediction_reference(rng.beta(2, 8, 5_000), blocks=np.repeat(np.arange(10), 500))
    for scores, drifted in ((rng.beta(2, 8, 800), False), (rng.beta(5, 5, 800), True)):
        found = judge(reference, reference.sketch({PREDICTION: scores}), policy=DriftPolicy())
        assert (found.status is DriftStatus.DRIFTED) is drifted


def test_what_a_feature_is_worth_goes_with_the_reference_and_is_told() -> None:
    rng = np.random.default_rng(0)
    before = {"x": rng.normal(size=5_000), "y": rng.normal(size=5_000)}
    whole = build_reference(before, [NUMBER, replace(NUMBER, name="y")]).with_importance({"x": 0.01, "y": 1.0})
    reference = Reference.from_bytes(whole.to_bytes())
    assert [each.importance for each in reference.features] == [0.01, 1.0]
    moved = {name: values[:1_000] + 3 for name, values in before.items()}
    found = judge(reference, reference.sketch(moved), policy=DriftPolicy())
    assert [each.feature for each in found.by_importance] == ["y", "x"]
    assert found.sentences[1].endswith("the model hardly uses it")
    assert not found.hardly_matters
    idle = judge(reference, reference.sketch(moved | {"y": before["y"][:1_000]}), policy=DriftPolicy())
    assert idle.drifted_features == ("x",)
    assert idle.hardly_matters
