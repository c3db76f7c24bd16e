"""P-values are scipy's, without scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from evertrain.statistics.significance import (
    benjamini_hochberg,
    chi_squared_survival,
    contingency_p_value,
    kolmogorov_smirnov_p_value,
    kolmogorov_survival,
    psi_null_quantile,
)


@pytest.mark.parametrize("degrees", [1, 2, 5, 9, 50, 500, 5000])
def test_the_chi_squared_tail_is_scipy_s(degrees: int) -> None:
    for value in np.linspace(0.01, 3 * degrees + 60, 60):
        assert chi_squared_survival(value, degrees=degrees) == pytest.approx(stats.chi2.sf(value, degrees), abs=1e-12)


def test_far_out_the_tail_keeps_its_digits() -> None:
    assert chi_squared_survival(800, degrees=9) == pytest.approx(stats.chi2.sf(800, 9), rel=1e-12)


def test_kolmogorov_s_tail_is_scipy_s() -> None:
    for value in np.linspace(0.05, 5, 300):
        assert kolmogorov_survival(value) == pytest.approx(special.kolmogorov(value), abs=1e-12)


@pytest.mark.parametrize(("before", "after"), [(100, 110), (1000, 150), (20_000, 300), (400, 9000)])
def test_the_p_value_of_a_distance_is_near_the_exact_one(before: int, after: int) -> None:
    rng = np.random.default_rng(before)
    exact = stats.ks_2samp(rng.normal(size=before), rng.normal(0.1, 1, after), method="exact")
    ours = kolmogorov_smirnov_p_value(exact.statistic, reference_rows=before, current_rows=after)
    assert ours == pytest.approx(exact.pvalue, abs=0.015)


@given(st.lists(st.tuples(st.integers(5, 500), st.integers(5, 500)), min_size=2, max_size=12))
def test_the_contingency_test_is_scipy_s_where_each_cell_has_enough(cells: list[tuple[int, int]]) -> None:
    before, after = np.array(cells).T * 2
    expected = stats.contingency.expected_freq([before, after])
    if expected.min() >= 5:
        exact = stats.chi2_contingency([before, after], correction=False).pvalue
        assert contingency_p_value(before, after) == pytest.approx(exact, abs=1e-10)


def test_levels_that_are_too_rare_are_tested_together() -> None:
    before, after = np.r_[5000, 4000, np.ones(400)], np.r_[490, 410, np.repeat([1, 0], [40, 360])]
    pooled = stats.chi2_contingency([[5000, 4000, 400], [490, 410, 40]], correction=False).pvalue
    assert contingency_p_value(before, after) == pytest.approx(pooled)


@pytest.mark.parametrize(("before", "after"), [([0, 0], [1, 2]), ([1, 2], [0, 0]), ([5, 0], [7, 0])])
def test_without_rows_or_choices_there_is_no_evidence(before: list[int], after: list[int]) -> None:
    assert contingency_p_value(before, after) == 1.0


def test_what_psi_exceeds_by_chance_is_exceeded_that_often() -> None:
    rng = np.random.default_rng(0)
    allowed = psi_null_quantile(reference_rows=20_000, current_rows=800, cells=10, probability=0.05)
    exceeded = 0
    for _ in range(2000):
        p, q = (rng.multinomial(rows, np.full(10, 0.1)) / rows for rows in (20_000, 800))
        exceeded += np.sum((q - p) * np.log(q / p)) > allowed
    assert stats.binomtest(exceeded, 2000, 0.05).pvalue > 0.001


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.sampled_from([0.01, 0.05, 0.2]))
def test_the_rejections_are_scipy_s(p_values: list[float], rate: float) -> None:
    adjusted = stats.false_discovery_control(p_values)
    ours = benjamini_hochberg(p_values, rate=rate)
    for chosen, value in zip(ours, adjusted, strict=True):
        assert chosen == (value <= rate) or value == pytest.approx(rate)
