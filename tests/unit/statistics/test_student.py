"""Student's t, as SciPy has it."""

import pytest
from scipy import stats

from evertrain.statistics.student import t_quantile, t_survival

DEGREES = (1.0, 1.07, 2.0, 3.7, 9.0, 120.5, 10_000.0)


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("value", [-4.0, -0.3, 0.0, 0.5, 2.5, 40.0])
def test_how_often_it_is_exceeded(degrees: float, value: float) -> None:
    assert t_survival(value, degrees=degrees) == pytest.approx(stats.t.sf(value, degrees), rel=1e-9)


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("probability", [0.5, 0.75, 0.95, 0.999, 0.99999])
def test_the_value_below_which_it_lies(degrees: float, probability: float) -> None:
    expected = stats.t.ppf(probability, degrees)
    assert t_quantile(probability, degrees=degrees) == pytest.approx(expected, rel=1e-9, abs=1e-9)
