"""A relation that breaks is found although no single feature shows it; what is as it was raises no alarm."""

from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evertrain.domain.monitoring.drift import DriftStatus, Findings
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.policies import DriftPolicy
from evertrain.statistics.layouts import Categories
from evertrain.statistics.reference import Reference, build_reference
from evertrain.statistics.scores import MAX_SCORES, SAMPLE_ROWS, FeatureScores, feature_scores
from evertrain.statistics.sketch import Sketch, merge
from evertrain.statistics.verdict import judge

COLUMNS = (
    Column(name="temperature", kind=FeatureKind.NUMERIC),
    Column(name="dew_point", kind=FeatureKind.NUMERIC),
    Column(name="humming", kind=FeatureKind.NUMERIC),
    Column(name="season", kind=FeatureKind.CATEGORICAL),
)


def weather(rows: int, *, seed: int = 0, swapped: bool = False) -> dict[str, np.ndarray | Categories]:
    """The dew point follows the temperature, and so does the season; the humming follows nothing."""
    rng = np.random.default_rng(seed)
    temperature = rng.normal(15, 8, rows)
    dew_point = temperature - rng.gamma(2, 1.5, rows)
    season = np.where(temperature > 15, "summer", "winter")
    if swapped:
        season = np.where(temperature > 15, "winter", "summer")
    return {
        "temperature": temperature,
        "dew_point": dew_point,
        "humming": rng.normal(size=rows),
        "season": Categories.from_values(season.tolist()),
    }


REFERENCE = build_reference(weather(20_000), COLUMNS)


def found_in(batch: dict[str, np.ndarray | Categories], reference: Reference = REFERENCE) -> Findings:
    return judge(reference, reference.sketch(batch), policy=DriftPolicy())


def test_a_broken_correlation_is_found_where_no_feature_has_drifted() -> None:
    batch = weather(1_000, seed=1)
    batch["dew_point"] = np.random.default_rng(2).permutation(batch["dew_point"])
    found = found_in(batch)
    assert found.drifted_features == ()
    assert {"temperature", "dew_point"} <= set(found.drifted_relations)
    assert found.status is DriftStatus.DRIFTED
    (sentence,) = [each.sentence for each in found.relations or () if each.feature == "dew_point"]
    assert "most changed is how it goes with temperature" in sentence


def test_codes_that_changed_their_meaning_are_found_though_each_is_as_frequent_as_before() -> None:
    found = found_in(weather(2_000, seed=1, swapped=True))
    assert found.drifted_features == ()
    assert "season" in found.drifted_relations


def test_a_feature_that_follows_from_no_other_has_no_relation_that_could_break() -> None:
    assert "humming" not in {each.feature for each in found_in(weather(1_000, seed=1)).relations or ()}


def test_a_shift_that_all_related_features_take_part_in_breaks_no_relation() -> None:
    batch = weather(1_000, seed=1)
    batch["temperature"], batch["dew_point"] = batch["temperature"] + 3.0, batch["dew_point"] + 3.0
    assert {"temperature", "dew_point"} & set(found_in(batch).drifted_relations) == set()


def test_rows_like_those_of_the_reference_seldom_raise_an_alarm() -> None:
    alarms = sum(
        bool(found_in(weather(rows, seed=seed)).drifted_relations) for rows in (200, 2_000) for seed in range(50)
    )
    assert alarms <= 4  # of 100, at 1 %


def test_days_that_always_lie_apart_are_allowed_for() -> None:
    rng = np.random.default_rng(0)
    days = np.repeat(np.arange(20), 500)
    slope = rng.normal(1, 0.5, 20)[days]  # the relation itself is another one each day
    x = rng.normal(size=len(days))
    columns = (COLUMNS[0], COLUMNS[1])
    rows = {"temperature": x, "dew_point": slope * x + rng.normal(0, 0.3, len(days))}
    usual = {"temperature": x[:500], "dew_point": 0.3 * x[:500] + rng.normal(0, 0.3, 500)}
    assert found_in(usual, build_reference(rows, columns)).drifted_relations != ()
    assert found_in(usual, build_reference(rows, columns, blocks=days)).drifted_relations == ()


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(0, 600), min_size=1, max_size=4), order=st.randoms())
def test_moments_of_parts_add_to_those_of_the_whole_in_any_order(cuts: list[int], order: object) -> None:
    whole = weather(600, seed=3)
    borders = sorted({0, 600, *cuts})
    parts = [
        REFERENCE.sketch({name: column[np.arange(start, end)] for name, column in whole.items()})
        for start, end in pairwise(borders)
    ]
    order.shuffle(parts)  # type: ignore[attr-defined]
    assert merge(parts).moments == REFERENCE.sketch(whole).moments


def test_moments_of_parts_found_together_are_those_of_each_alone() -> None:
    columns = weather(3 * SAMPLE_ROWS)
    baselines = {feature.name: feature.baseline for feature in REFERENCE.features}
    scores = FeatureScores(baselines=baselines, scores=feature_scores(baselines))
    parts = [np.arange(0, 40), np.arange(40, 2 * SAMPLE_ROWS), np.arange(1, 3 * SAMPLE_ROWS, 2)]

    together = scores.moments_of_parts(columns, parts)

    alone = [scores.moments({name: values[rows] for name, values in columns.items()}) for rows in parts]
    for found, expected in zip(together, alone, strict=True):
        np.testing.assert_array_equal(found.products, expected.products)


def test_of_a_large_part_some_rows_are_enough() -> None:
    sketch = REFERENCE.sketch(weather(5 * SAMPLE_ROWS, seed=4))
    assert sketch.moments is not None
    assert sketch.moments.rows == SAMPLE_ROWS
    assert judge(REFERENCE, sketch, policy=DriftPolicy()).drifted_relations == ()


def test_moments_outlive_being_stored() -> None:
    sketch = REFERENCE.sketch(weather(500, seed=5))
    assert Sketch.from_bytes(sketch.to_bytes()) == sketch
    again = Reference.from_bytes(REFERENCE.to_bytes())
    assert judge(again, again.sketch(weather(500, seed=5)), policy=DriftPolicy()) == found_in(weather(500, seed=5))


def test_a_sketch_without_moments_says_that_relations_were_not_examined() -> None:
    sketch = REFERENCE.sketch(weather(500, seed=5))
    bare = Sketch(layout_digest=sketch.layout_digest, rows=sketch.rows, features=sketch.features)
    assert judge(REFERENCE, bare, policy=DriftPolicy()).relations is None
    assert merge([sketch, bare]).moments is None


@pytest.mark.parametrize("kind", ["constant", "missing", "infinite"])
def test_columns_that_say_nothing_break_nothing(kind: str) -> None:
    value = {"constant": 1.0, "missing": np.nan, "infinite": np.inf}[kind]
    batch = weather(500, seed=6) | {"dew_point": np.full(500, value)}
    for each in found_in(batch).relations or ():
        assert np.isfinite(each.spread)
    reference = build_reference(weather(2_000) | {"dew_point": np.full(2_000, value)}, COLUMNS)
    assert "dew_point" not in {each.feature for each in found_in(weather(500, seed=6), reference).relations or ()}


def test_a_wide_table_relates_as_many_scores_as_it_can_keep() -> None:
    rng = np.random.default_rng(0)
    common = rng.normal(size=2_000)
    columns = [Column(name=f"x{index}", kind=FeatureKind.NUMERIC) for index in range(MAX_SCORES + 20)]
    reference = build_reference({column.name: common + rng.normal(size=2_000) for column in columns}, columns)
    assert reference.relations is not None
    assert len(reference.relations.scores) == MAX_SCORES


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("rows", [100, 1_000])
def test_relations_of_rare_levels_keep_their_rate(share: float, rows: int) -> None:
    """Independent rows with flags and levels that few rows have: their residuals are few and large."""

    def drawn(count: int, rng: np.random.Generator) -> dict[str, np.ndarray | Categories]:
        found: dict[str, np.ndarray | Categories] = {}
        for index in range(4):
            number = rng.normal(size=count)
            noisy = number + rng.normal(0, 0.5, count)
            rare = noisy > np.sqrt(1.25) * NormalDist().inv_cdf(1 - share)
            found |= {f"x{index}": number, f"flag{index}": rare.astype(float)}
            found[f"level{index}"] = Categories.from_values(np.where(rare, "rare", "usual").tolist())
        return found

    columns = [
        Column(name=f"{name}{index}", kind=kind)
        for index in range(4)
        for name, kind in (
            ("x", FeatureKind.NUMERIC),
            ("flag", FeatureKind.BOOLEAN),
            ("level", FeatureKind.CATEGORICAL),
        )
    ]
    rng = np.random.default_rng(0)
    reference = build_reference(drawn(5_000, rng), columns)
    alarms = [
        judge(reference, reference.sketch(drawn(rows, rng)), policy=DriftPolicy()).drifted_relations
        for _ in range(60)
    ]
    assert sum(map(bool, alarms)) <= 3
