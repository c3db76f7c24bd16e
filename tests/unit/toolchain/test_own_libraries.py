"""What an estimator imports is in the training image, or named for it, or told to be wanting."""

from importlib.metadata import version
from pathlib import Path

import pytest

from evertrain.toolchain.own_libraries import missing_libraries, own_libraries
from evertrain.toolchain.workspace import Workspace

REPOSITORY = Path(__file__).parents[3]
CODE = """
import os
from pathlib import Path
import numpy as np
from sklearn.pipeline import make_pipeline
from evertrain import EvertrainError
from . import helper

def make_estimator(*, seed):
    import xgboost.sklearn
    return xgboost.sklearn.XGBClassifier(random_state=seed)
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "models" / "trips").mkdir(parents=True)
    (tmp_path / "models" / "trips" / "estimator.py").write_text(CODE)
    return Workspace(project=tmp_path, package=REPOSITORY, deployables=REPOSITORY, work=tmp_path)


def test_a_library_that_training_does_not_bring_is_told_with_the_line_that_brings_it(workspace: Workspace) -> None:
    missing = missing_libraries(workspace, "trips")
    assert list(missing) == ["xgboost"]
    name, _, number = missing["xgboost"].partition("==")
    assert number == version(name)


@pytest.mark.parametrize("line", ["xgboost-cpu", "XGBoost_CPU>=3  # trees", "numpy\nxgboost.cpu==3.2.0"])
def test_once_it_is_named_nothing_is_wanting(workspace: Workspace, line: str) -> None:
    (workspace.project / "models" / "requirements.txt").write_text(f"# ours\n{line}\n")
    assert missing_libraries(workspace, "trips") == {}


def test_without_such_a_file_no_library_is_the_project_s_own(workspace: Workspace) -> None:
    assert own_libraries(workspace.project) == []
    assert own_libraries(REPOSITORY) == []
