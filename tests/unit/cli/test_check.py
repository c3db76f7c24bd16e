"""`evertrain check` on a project's folder."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from evertrain.cli.main import app

GROUP = """
entity_key = "trip_id"
event_time = "departed_at"
[columns]
distance = { kind = "numeric" }
"""

MODEL = """
title = "Late trips"
task = "classification"
metric = "roc_auc_score"
[features]
trips = ["distance"]
[label]
name = "late"
latency = "3d"
of_predictions = true
[training]
windows = ["28d"]
validation = "5d"
gate = "7d"
embargo = "3d"
[gate]
margin = 0.04
floor = 0.55
[endpoint]
explore = 0.05
"""


@pytest.mark.parametrize(("cls", "status"), [("svm.LinearSVC", 0), ("neighbors.KNeighborsClassifier", 1)])
def test_exploring_needs_an_estimator_that_can_weigh_rows(tmp_path: Path, cls: str, status: int) -> None:
    module, name = cls.split(".")
    folder = tmp_path / "models" / "trips"
    folder.mkdir(parents=True)
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "trips.toml").write_text(GROUP, encoding="utf-8")
    (folder / "model.toml").write_text(MODEL, encoding="utf-8")
    code = f"from sklearn.{module} import {name}\ndef make_estimator(*, seed):\n    return {name}()\n"
    (folder / "estimator.py").write_text(code, encoding="utf-8")
    answer = CliRunner().invoke(app, ["check", "--project", str(tmp_path)])
    assert (answer.exit_code, answer.exception is None) == (status, status == 0)
    if status:
        told = str(answer.exception)
        assert told.startswith("models/trips/estimator.py: fit of KNeighborsClassifier takes no sample_weight")
