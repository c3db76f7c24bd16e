"""Sketches add, stay small, measure what direct computation measures, and are refused where they do not fit."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.policies import DriftPolicy
from evertrain.statistics import float_cells
from evertrain.statistics.control_limits import BlockDistances
from evertrain.statistics.distances import Baseline, distances_between
from evertrain.statistics.layouts import Categories, NumericLayout, build_layout
from evertrain.statistics.measures import wasserstein
from evertrain.statistics.reference import Reference, build_reference
from evertrain.statistics.sketch import (
    ColumnMismatch,
    FeatureSketch,
    InvalidSketch,
    LayoutMismatch,
    Sketch,
    merge,
    sketch_column,
)
from evertrain.statistics.verdict import judge

NUMBER = Column(name="x", kind=FeatureKind.NUMERIC)
TEXT = Column(name="c", kind=FeatureKind.CATEGORICAL)
ROWS = 20_000


def rng_of(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


ADVERSARIAL: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "far from zero": lambda rng, n: 1e9 + rng.normal(size=n),
    "heavy tail": lambda rng, n: rng.standard_t(2.5, size=n),
    "no mean": lambda rng, n: rng.standard_cauchy(size=n),
    "lognormal": lambda rng, n: rng.lognormal(0, 2, size=n),
    "constant": lambda rng, n: np.full(n, 7.0),
    "two values": lambda rng, n: rng.integers(0, 2, n) * 3.0,
    "99 % zeros": lambda rng, n: np.where(rng.random(n) < 0.99, 0.0, rng.exponential(size=n)),
    "hours": lambda rng, n: rng.integers(0, 24, n) * 1.0,
    "minutes": lambda rng, n: rng.integers(0, 1440, n) * 1.0,
    "two far clusters": lambda rng, n: rng.choice([-1.0, 1.0], n) * 5 + rng.normal(0, 0.2, n),
    "infinities": lambda rng, n: np.where(rng.random(n) < 0.1, np.inf, rng.normal(size=n)),
    "one absurd outlier": lambda rng, n: np.r_[rng.normal(size=n - 1), 1e12],
    "missing": lambda rng, n: np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
    "all missing": lambda rng, n: np.full(n, np.nan),
    "near 2^63": lambda rng, n: 2.0**63 + 2048 * rng.integers(0, 100, n),
    "denormals": lambda rng, n: 5e-324 * rng.integers(0, 50, n),
    "all different integers": lambda rng, n: rng.permutation(n) * 1.0,
}


@pytest.fixture(params=ADVERSARIAL, ids=str)
def columns(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    make = ADVERSARIAL[request.param]
    return make(rng_of(1), ROWS), make(rng_of(2), 3_000)


# --- against direct computation -------------------------------------------------------------------


def test_each_value_is_in_the_place_that_counts_it(columns: tuple[np.ndarray, np.ndarray]) -> None:
    reference, batch = columns
    layout = build_layout(reference)
    assert isinstance(layout, NumericLayout)
    for values in (reference, batch, batch[:0]):
        counted = np.bincount(layout.places(values), minlength=layout.size)
        np.testing.assert_array_equal(counted, layout.count(values))


def test_days_lie_as_far_apart_as_they_do_by_direct_computation(columns: tuple[np.ndarray, np.ndarray]) -> None:
    values = columns[0]
    layout = build_layout(values)
    finite = values[np.isfinite(values)]
    baseline = Baseline(
        layout=layout,
        sketch=sketch_column("x", layout, values),
        mean=float(finite.mean()) if len(finite) else None,
        deviation=float(finite.std()) if len(finite) else None,
    )
    days = [layout.count(rows) for rows in np.array_split(values, 6)]

    found = BlockDistances.of_days(baseline, days)

    measured = [distances_between(baseline, FeatureSketch(counts=counts)) for counts in days]
    np.testing.assert_array_equal(found.psi, [each.psi for each in measured])
    np.testing.assert_array_equal(found.missing_shares, [each.missing_share for each in measured])
    from_all = [each.wasserstein_normalised for each in measured]
    np.testing.assert_array_equal(found.wasserstein, [np.nan if each is None else each for each in from_all])
    for jump, (before, after) in zip(found.jumps, pairwise(days), strict=True):
        one, other = (layout.ascending(counts) for counts in (before, after))
        used = (one > 0) | (other > 0)
        apart = wasserstein(layout.positions[used], one[used], other[used])
        is_known = apart is not None and baseline.deviation
        np.testing.assert_equal(jump, apart / baseline.deviation if is_known else np.nan)


def test_every_row_is_in_one_cell_and_the_cells_are_in_order(columns: tuple[np.ndarray, np.ndarray]) -> None:
    for values in columns:
        layout = build_layout(columns[0])
        assert isinstance(layout, NumericLayout)
        counts = layout.count(values)
        assert (counts >= 0).all()
        assert counts.sum() == layout.binned(counts).sum() == layout.ascending(counts).sum() == len(values)
        assert counts[0] == np.isnan(values).sum()
        positions = layout.positions[np.isfinite(layout.positions)]
        assert (np.diff(positions) >= 0).all()
        assert len(layout.bin_names) == len(layout.binned(counts))


def test_psi_and_kl_are_those_of_the_rows_in_the_same_bins(columns: tuple[np.ndarray, np.ndarray]) -> None:
    """The bins' edges taken back to the feature's unit, and the rows counted between them by numpy."""
    before, after = columns
    reference = build_reference({"x": before}, [NUMBER])
    baseline = reference.features[0].baseline
    found = distances_between(baseline, reference.sketch({"x": after}).features["x"])
    p, q = (_binned_by_hand(baseline.layout, rows) for rows in (before, after))
    used = (p > 0) | (q > 0)
    p, q = ((counts[used] + 0.5) / (counts[used] + 0.5).sum() for counts in (p, q))
    assert found.psi == pytest.approx(np.sum((q - p) * np.log(q / p)), abs=1e-12)
    assert found.kl == pytest.approx(stats.entropy(q, p), abs=1e-12)
    assert found.js == pytest.approx((stats.entropy(p, (p + q) / 2) + stats.entropy(q, (p + q) / 2)) / 2, abs=1e-12)


def _binned_by_hand(layout: object, rows: np.ndarray) -> np.ndarray:
    assert isinstance(layout, NumericLayout)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = ((rows - layout.centre) * (1 / layout.scale)).astype(np.float32)
    is_atom = np.isin(rows, layout.atoms)
    atoms = [np.count_nonzero(rows == atom) for atom in layout.atoms]
    rest = scaled[~is_atom & ~np.isnan(rows)]
    edges = float_cells.edges_of(np.asarray(layout.bins, dtype=np.uint16))[0]
    # A cell below zero holds its upper edge, one above its lower edge.
    between = np.searchsorted(edges, rest, side="right")
    below = [np.count_nonzero((rest == edge) & (edge < 0)) for edge in edges]
    counts = np.bincount(between, minlength=len(edges) + 1)
    for index, rows_on_edge in enumerate(below):
        counts[index + 1] -= rows_on_edge
        counts[index] += rows_on_edge
    return np.r_[np.isnan(rows).sum(), atoms, counts]


@pytest.mark.parametrize(
    "name",
    ["normal", "far from zero", "99 % zeros", "hours", "minutes", "two far clusters", "missing", "constant"],
)
@pytest.mark.parametrize("moved", [0.0, 0.2, 1.0])
def test_wasserstein_and_ks_are_scipy_s(name: str, moved: float) -> None:
    before, after = ADVERSARIAL[name](rng_of(1), 200_000), ADVERSARIAL[name](rng_of(2), 50_000)
    after = after + moved * np.nanstd(before)
    reference = build_reference({"x": before}, [NUMBER])
    baseline = reference.features[0].baseline
    found = distances_between(baseline, reference.sketch({"x": after}).features["x"])
    there = [rows[np.isfinite(rows)] for rows in (before, after)]
    layout = baseline.layout
    assert isinstance(layout, NumericLayout)
    # Where nearly all rows move to one new value, it is known to half a cell only.
    allowed = layout.scale / 400 if name == "99 % zeros" and moved else 5e-4 * (baseline.deviation or 1.0)
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(*there), abs=allowed)
    if found.ks is not None and name != "missing":
        heaviest = max((layout.count(rows)[: float_cells.CELLS] / len(rows)).max() for rows in there)
        # Hours and the like lie alone in their cells: nothing is lost there, however heavy they are.
        alone = name in {"hours", "constant", "99 % zeros"}
        bound = 2e-3 if alone else max(2e-3, heaviest)
        assert found.ks == pytest.approx(stats.ks_2samp(*there).statistic, abs=bound)


def test_one_outlier_moves_the_psi_by_less_than_a_thousandth() -> None:
    before, after = rng_of().normal(size=20_000), rng_of(1).normal(size=2_000)
    reference = build_reference({"x": before}, [NUMBER])
    with_it = build_reference({"x": np.append(before, 1e300)}, [NUMBER])
    psi = [_psi(reference, after), _psi(reference, np.append(after, 1e300)), _psi(with_it, after)]
    assert max(psi) - min(psi) < 1e-3


def _psi(reference: Reference, rows: np.ndarray) -> float:
    return judge(reference, reference.sketch({"x": rows}), policy=DriftPolicy()).features[0].psi


def test_the_power_against_a_small_shift_is_that_of_scipy_s_ks_test() -> None:
    """200 batches of 300 rows, moved by 0.2 deviations: rejections at 5 %, by us and by scipy on the raw rows."""
    rng = rng_of(3)
    before = rng.normal(size=20_000)
    reference = build_reference({"x": before}, [NUMBER])
    ours = theirs = 0
    for _ in range(200):
        after = rng.normal(0.2, 1, 300)
        (found,) = judge(reference, reference.sketch({"x": after}), policy=DriftPolicy()).features
        ours += found.p_value < 0.05
        theirs += stats.ks_2samp(before, after, method="asymp").pvalue < 0.05
    assert 100 < theirs < 200
    assert ours >= theirs - 2


# --- adding ---------------------------------------------------------------------------------------


REFERENCE = build_reference(
    {
        "x": np.where(rng_of().random(5_000) < 0.2, 0.0, rng_of(1).normal(size=5_000)),
        "c": Categories.from_values(rng_of(2).choice(["a", "b", "c"], 5_000)),
    },
    [NUMBER, TEXT],
)

numbers = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=30)


def a_sketch(rows: list[float]) -> Sketch:
    levels = [
        None if np.isnan(value) else "abz"[int(abs(value) % 3)] if np.isfinite(value) else "a" for value in rows
    ]
    return REFERENCE.sketch({"x": np.asarray(rows, dtype=float), "c": Categories.from_values(levels)})


@settings(max_examples=50)
@given(numbers, numbers, numbers)
def test_adding_is_associative_and_commutative_and_the_same_as_sketching_all_rows(
    one: list[float], two: list[float], three: list[float]
) -> None:
    a, b, c = a_sketch(one), a_sketch(two), a_sketch(three)
    assert (a + b) + c == a + (b + c) == merge([c, b, a]) == a_sketch(one + two + three)


@settings(max_examples=50)
@given(numbers)
def test_a_sketch_survives_being_stored(rows: list[float]) -> None:
    sketch = a_sketch(rows)
    data = sketch.to_bytes()
    assert Sketch.from_bytes(data) == sketch
    assert Sketch.from_bytes(data).to_bytes() == data


def test_a_sketch_stays_below_32_kb_a_feature(columns: tuple[np.ndarray, np.ndarray]) -> None:
    for values in (columns[0], rng_of().standard_cauchy(1_000_000)):
        reference = build_reference({"x": values}, [NUMBER])
        assert len(reference.sketch({"x": values}).to_bytes()) < 32 * 1024
        assert len(reference.to_bytes()) < 32 * 1024


def test_a_million_levels_are_bounded_and_what_is_new_among_them_is_not_called_unseen_at_once() -> None:
    before = Categories.from_values(f"user {number}" for number in range(100_000))
    reference = build_reference({"c": before}, [TEXT])
    assert len(reference.to_bytes()) < 32 * 1024
    later = reference.sketch({"c": Categories.from_values(f"user {number}" for number in range(200_000, 205_000))})
    (found,) = judge(reference, later, policy=DriftPolicy()).features
    assert not found.drifted
    assert found.psi == pytest.approx(0, abs=1e-3)
    assert found.unseen_share == 0


# --- what does not fit ----------------------------------------------------------------------------


def test_sketches_for_different_references_do_not_add() -> None:
    other = build_reference({"x": np.arange(100.0), "c": Categories.from_values("ab" * 50)}, [NUMBER, TEXT])
    foreign = other.sketch({"x": np.arange(9.0), "c": Categories.from_values("aaabbbccc")})
    with pytest.raises(LayoutMismatch, match="do not add"):
        a_sketch([1.0]) + foreign
    with pytest.raises(LayoutMismatch, match="was made for reference"):
        judge(REFERENCE, foreign, policy=DriftPolicy())


def test_a_column_that_is_missing_or_of_another_type_is_named() -> None:
    with pytest.raises(ColumnMismatch, match="c: the reference has this feature, the batch does not"):
        REFERENCE.sketch({"x": np.zeros(3)})
    with pytest.raises(ColumnMismatch, match="x: the reference holds numbers, the batch text"):
        REFERENCE.sketch({"x": Categories.from_values("aaa"), "c": Categories.from_values("aaa")})


def test_a_corrupted_sketch_is_refused_wherever_it_is_cut_or_changed() -> None:
    data = a_sketch([1.0, 2.0, float("nan")]).to_bytes()
    for place in range(0, len(data), 7):
        for broken in (data[:place], data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]):
            with pytest.raises(InvalidSketch, match="not a sketch"):
                Sketch.from_bytes(broken)
    with pytest.raises(InvalidSketch, match="evertrain-reference 3"):
        Sketch.from_bytes(REFERENCE.to_bytes())
