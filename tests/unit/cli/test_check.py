"""`evertrain check` on a project's folder."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evertrain.cli.main import app
from tests.builders.own_code import write_own_code

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


@pytest.mark.parametrize(
    ("cls", "status"), [("linear_model.LogisticRegression", 0), ("neighbors.KNeighborsClassifier", 1)]
)
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


def a_project(root: Path, estimator: str, *, columns: str = 'distance = { kind = "numeric" }') -> Path:
    folder = root / "models" / "trips"
    folder.mkdir(parents=True)
    (root / "features").mkdir()
    group = GROUP.replace('distance = { kind = "numeric" }', columns)
    (root / "features" / "trips.toml").write_text(group, encoding="utf-8")
    names = ", ".join(f'"{line.split(" = ")[0]}"' for line in columns.splitlines())
    (folder / "model.toml").write_text(MODEL.replace('["distance"]', f"[{names}]"), encoding="utf-8")
    (folder / "estimator.py").write_text(estimator, encoding="utf-8")
    return root


FOREST = """
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

def make_estimator(*, seed):
    text = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    before = ColumnTransformer([("numbers", SimpleImputer(), ["distance"]), ("text", text, ["channel"])])
    return make_pipeline(before, RandomForestClassifier(20, random_state=seed))
"""
COLUMNS = 'distance = { kind = "numeric", nullable = true }\nchannel = { kind = "categorical", nullable = true }'


def test_a_forest_behind_what_usually_stands_before_it_can_be_served(tmp_path: Path) -> None:
    answer = CliRunner().invoke(
        app, ["check", "--json", "--project", str(a_project(tmp_path, FOREST, columns=COLUMNS))]
    )
    assert answer.exit_code == 0, answer.output
    served = json.loads(answer.output)["models"]["trips"]
    assert served["parity"] < 1e-12
    assert 1_000 < served["artifact_bytes"] < 200_000
    assert served["microseconds_a_row"] > 0
    assert (served["explained"], served["explained_as"]) == (True, "probability")


def test_xgboost_with_categories_of_its_own_can_be_served_once_its_library_is_named(tmp_path: Path) -> None:
    code = (
        "import xgboost\ndef make_estimator(*, seed):\n"
        "    return xgboost.XGBClassifier(n_estimators=5, enable_categorical=True, random_state=seed)\n"
    )
    project = a_project(tmp_path, code, columns=COLUMNS)
    answer = CliRunner().invoke(app, ["check", "--project", str(project)])
    told = str(answer.exception)
    assert told.startswith("models/trips/ imports xgboost, which the training image has not; write xgboost")
    assert told.endswith(" into models/requirements.txt")
    (project / "models" / "requirements.txt").write_text(
        told.split(" write ")[1].split(" into ", maxsplit=1)[0] + "\n"
    )
    answer = CliRunner().invoke(app, ["check", "--json", "--project", str(project)])
    assert answer.exit_code == 0, answer.exception
    assert json.loads(answer.output)["models"]["trips"]["parity"] < 1e-6


def test_what_cannot_be_served_is_said_with_its_file_and_a_remedy(tmp_path: Path) -> None:
    code = "from sklearn.svm import LinearSVC\ndef make_estimator(*, seed):\n    return LinearSVC()\n"
    project = a_project(tmp_path, code)
    answer = CliRunner().invoke(app, ["check", "--project", str(project)])
    assert answer.exit_code == 1
    assert str(answer.exception) == (
        "models/trips/estimator.py: LinearSVC gives no probabilities; put it into a CalibratedClassifierCV"
    )
    assert CliRunner().invoke(app, ["check", "--no-fit", "--project", str(project)]).exit_code == 0


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_an_estimator_that_raises_on_made_up_rows_is_something_to_mend(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    code = FOREST.replace('["channel"]', '["chanel"]')
    project = a_project(tmp_path, code, columns=COLUMNS)
    answer = CliRunner().invoke(app, ["check", "--project", str(project), *options])
    assert answer.exit_code == 1
    assert "Every file is valid" not in answer.output
    assert "Late trips" in answer.output or json.loads(answer.output)["models"]["trips"]["not_proven"]
    told = str(answer.exception)
    assert told.startswith("models/trips/estimator.py: fit raised ValueError on 500 made-up rows: ")
    assert "chanel" in told
    assert told.endswith(
        "; mend it, or leave this out by --no-fit, if `evertrain backtest` can fit it on rows of your own"
    )
    assert CliRunner().invoke(app, ["check", "--no-fit", "--project", str(project)]).exit_code == 0


def test_what_an_estimator_raises_is_cut_between_words(tmp_path: Path) -> None:
    code = (
        "from sklearn.dummy import DummyClassifier\nclass Talkative(DummyClassifier):\n"
        "    def fit(self, *_):\n        raise ValueError('wordy ' * 99)\n"
        "def make_estimator(*, seed):\n    return Talkative()\n"
    )
    project = a_project(tmp_path, code)
    path = project / "models" / "trips" / "model.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("explore = 0.05", ""), encoding="utf-8")
    told = str(CliRunner().invoke(app, ["check", "--project", str(project)]).exception)
    assert re.search(r"made-up rows:( wordy){20,40} …; mend it", told)


def test_candidates_that_differ_in_a_word_are_all_tried_and_one_that_raises_hides_none(tmp_path: Path) -> None:
    code = (
        "from sklearn.linear_model import LogisticRegression, SGDClassifier\n"
        "def make_estimator(*, seed, loss):\n"
        "    return SGDClassifier(loss=loss) if loss != 'none' else LogisticRegression(C=-1.0)\n"
    )
    project = a_project(tmp_path, code)
    path = project / "models" / "trips" / "model.toml"
    text = path.read_text(encoding="utf-8").replace("[endpoint]\nexplore = 0.05\n", "")
    search = '[training.search]\nparameters = { loss = ["none", "log_loss", "hinge"] }\n'
    path.write_text(text + search, encoding="utf-8")
    answer = CliRunner().invoke(app, ["check", "--project", str(project)])
    assert answer.exit_code == 1
    assert 'set loss="log_loss"' in str(answer.exception)


def test_candidates_of_another_make_are_all_tried(tmp_path: Path) -> None:
    code = (
        "from sklearn.linear_model import LogisticRegression\nfrom sklearn.neighbors import KNeighborsClassifier\n"
        "def make_estimator(*, seed, kind):\n"
        "    return LogisticRegression() if kind == 'linear' else KNeighborsClassifier()\n"
    )
    project = a_project(tmp_path, code)
    path = project / "models" / "trips" / "model.toml"
    text = path.read_text(encoding="utf-8").replace("[endpoint]\nexplore = 0.05\n", "")
    path.write_text(text + '[training.search]\nparameters = { kind = ["linear", "neighbours"] }\n', encoding="utf-8")
    answer = CliRunner().invoke(app, ["check", "--project", str(project)])
    assert answer.exit_code == 1
    told = str(answer.exception)
    assert told.startswith("models/trips/estimator.py: KNeighborsClassifier has no flat form. Linear models, trees")
    assert 'Or declare tier = "sklearn" in [endpoint] of models/trips/model.toml: scikit-learn itself then' in told
    assert re.search(r" [\d.]+ [mµ]s a row, from a function of 190 MiB$", told)


def declare_second_tier(project: Path) -> None:
    path = project / "models" / "trips" / "model.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[endpoint]\nexplore = 0.05", '[endpoint]\ntier = "sklearn"'), encoding="utf-8")


def test_by_the_second_tier_code_of_the_model_s_own_is_served_and_its_price_told(tmp_path: Path) -> None:
    project = a_project(tmp_path, "", columns=COLUMNS)
    write_own_code(project, numbers=("distance",), texts=("channel",))
    declare_second_tier(project)
    answer = CliRunner().invoke(app, ["check", "--json", "--project", str(project)])
    assert answer.exit_code == 0, answer.exception
    served = json.loads(answer.output)["models"]["trips"]
    assert (served["tier"], served["bundle_mib"], served["parity"]) == ("sklearn", 190, 0.0)
    assert served["not_flat"].startswith("Clipped before the model has no flat form")
    told = " ".join(CliRunner().invoke(app, ["check", "--project", str(project)]).output.split())
    assert "trips can be served, by tier sklearn with a function of 190 MiB: of made-up rows, an artifact of" in told
    assert "Not flat: Clipped before the model has no flat form" in told


def test_what_has_a_flat_form_all_the_same_is_told_to_be_faster_there(tmp_path: Path) -> None:
    project = a_project(tmp_path, FOREST, columns=COLUMNS)
    declare_second_tier(project)
    told = " ".join(CliRunner().invoke(app, ["check", "--project", str(project)]).output.split())
    assert 'It has a flat form too: without tier = "sklearn" it answers faster, from a smaller function.' in told


def test_what_the_second_tier_s_function_lacks_has_to_be_named_for_it(tmp_path: Path) -> None:
    project = a_project(tmp_path, f"import pyarrow\n{FOREST}", columns=COLUMNS)
    assert CliRunner().invoke(app, ["check", "--project", str(project)]).exit_code == 0, "training brings it"
    declare_second_tier(project)
    told = str(CliRunner().invoke(app, ["check", "--project", str(project)]).exception)
    assert told.startswith(
        'models/trips/ imports pyarrow, which the function of tier "sklearn" has not; write pyarrow'
    )
    assert told.endswith(" into models/requirements.txt")


def test_one_that_raises_on_what_the_schema_allows_is_refused_by_the_second_tier_too(tmp_path: Path) -> None:
    code = FOREST.replace('handle_unknown="ignore"', "").replace(
        "RandomForestClassifier(20, random_state=seed)", "KNeighborsClassifier()"
    )
    code = code.replace(
        "from sklearn.ensemble import RandomForestClassifier", "from sklearn.neighbors import KNeighborsClassifier"
    )
    project = a_project(tmp_path, code, columns=COLUMNS)
    declare_second_tier(project)
    told = str(CliRunner().invoke(app, ["check", "--project", str(project)]).exception)
    assert told.startswith(
        "models/trips/estimator.py: trips: the estimator raises ValueError on rows of an unseen channel"
    )


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return float(abs(y_true - y_pred).mean())", ""),
        ("return y_true", "models/trips/metric.py: cost_error answers a ndarray, and not a number"),
        ("return 1 / 0", "models/trips/metric.py: cost_error raised ZeroDivisionError"),
        ("return float('nan')", "models/trips/metric.py: cost_error of 500 made-up rows is nan"),
    ],
)
def test_a_metric_of_the_model_s_own_is_tried(tmp_path: Path, body: str, told: str) -> None:
    project = a_project(tmp_path, FOREST, columns=COLUMNS)
    folder = project / "models" / "trips"
    text = (folder / "model.toml").read_text(encoding="utf-8").replace("roc_auc_score", "cost_error")
    (folder / "model.toml").write_text(text.replace("floor = 0.55\n", ""), encoding="utf-8")
    code = f"def cost_error(y_true, y_pred, sample_weight=None):\n    {body}\n"
    (folder / "metric.py").write_text(code, encoding="utf-8")
    answer = CliRunner().invoke(app, ["check", "--project", str(project)])
    assert (answer.exit_code, told in str(answer.exception)) == (1 if told else 0, True)
