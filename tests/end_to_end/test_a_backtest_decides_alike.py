"""A backtest takes the decisions that a deployed stage takes on the same days, one by one."""

from datetime import timedelta
from pathlib import Path

import pytest

from evertrain.demo.flights import reported_at
from tests.end_to_end.backtests import decided_by_backtest, decided_by_stage
from tests.end_to_end.conftest import FIRST_DAY, LABELLED_DAYS
from tests.end_to_end.loop import Loop

pytestmark = pytest.mark.cloud


@pytest.mark.parametrize(("model", "label"), [("flights", "late"), ("air_time", "air_time")])
def test_decision_by_decision(loop: Loop, tmp_path: Path, model: str, label: str) -> None:
    days = [FIRST_DAY + timedelta(days=offset) for offset in range(LABELLED_DAYS)]
    of_stage = decided_by_stage(loop.stage, model, until=reported_at(days[-1]))
    of_backtest = decided_by_backtest(loop.flights, days, model=model, label=label, folder=tmp_path)
    assert len(of_stage) >= LABELLED_DAYS - 3
    assert {each.action for each in of_stage} >= {"retrain", "hold"}
    assert of_backtest == of_stage
