"""What a champion loses by growing older, from what the last retrainings gained."""

from datetime import timedelta

import numpy as np
import pytest

from evertrain.domain.deciding.ageing import MAX_GAINS, Ageing, measure_ageing
from evertrain.domain.training.evaluation import Gain

DAY = timedelta(days=1)


def a_gain(value: float, *, days: float = 28, error: float = 0.004) -> Gain:
    return Gain(value=value, standard_error=error, newer_by=days * DAY)


def test_without_a_retraining_nothing_is_known() -> None:
    assert measure_ageing([], margin=0.02) is None
    assert measure_ageing([a_gain(0.02)], margin=0) is None


def test_a_retraining_on_rows_that_are_no_newer_tells_nothing_of_age() -> None:
    assert measure_ageing([a_gain(0.02, days=0.5)], margin=0.02) is None


def test_gains_in_proportion_to_age_are_found() -> None:
    """Simulated: .0005 a day, gates with errors of .008."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        ages = rng.uniform(10, 40, MAX_GAINS)
        gains = [a_gain(0.0005 * age + rng.normal(0, 0.008), days=age, error=0.008) for age in ages]
        ageing = measure_ageing(gains, margin=0.02)
        assert ageing is not None
        found.append((ageing.per_day, ageing.standard_error))
    means, errors = np.array(found).T
    assert 0.0004 < means.mean() < 0.0005, "a prior around nothing draws it there a little"
    assert means.std() < errors.mean()


def test_where_retrainings_gain_nothing_ageing_is_seldom_taken_for_known() -> None:
    rng = np.random.default_rng(1)
    known = [
        measure_ageing([a_gain(rng.normal(0, 0.008), error=0.008) for _ in range(MAX_GAINS)], margin=0.02)
        for _ in range(400)
    ]
    assert np.mean([ageing is not None and ageing.is_known for ageing in known]) < 0.16


def test_a_change_of_the_world_is_no_ageing() -> None:
    usual, jump = measure_ageing([a_gain(0.04)], margin=0.02), measure_ageing([a_gain(0.5)], margin=0.02)
    assert usual == jump


def test_only_the_last_retrainings_count() -> None:
    recent = [a_gain(0.0)] * MAX_GAINS
    assert measure_ageing([*recent, a_gain(0.04)], margin=0.02) == measure_ageing(recent, margin=0.02)


def test_a_retraining_pays_when_age_has_cost_as_much() -> None:
    ageing = Ageing(per_day=0.001, standard_error=0.0002)
    assert ageing.pays_after(0.2) == 20 * DAY
    assert ageing.lost(20 * DAY) == pytest.approx(0.2)
    assert ageing.lost(10 * DAY) == pytest.approx(0.05), "a quarter after half the time"
    assert ageing.at_most.lost(20 * DAY) == pytest.approx(0.24)


def test_no_other_period_is_cheaper() -> None:
    ageing, cost = Ageing(per_day=0.001, standard_error=0.0), 0.2
    per_day = [(cost + ageing.lost(days * DAY)) / days for days in range(1, 60)]
    assert 1 + int(np.argmin(per_day)) == ageing.pays_after(cost) / DAY
