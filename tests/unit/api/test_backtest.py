"""`evertrain.backtest`, as a notebook uses it: on its own tables, with its own estimator."""

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import evertrain
from evertrain.cli import program
from evertrain.domain.errors import EvertrainError
from tests.builders.history import history_frame
from tests.builders.projects import a_project_folder
from tests.unit.api.test_drift import Views

FRAME = history_frame(batches=45)
ASKED: Mapping[str, Any] = {"label": "late", "key": "trip_id", "latency": "2d", "policies": ["declared", "never"]}


def a_pipeline() -> Pipeline:
    columns = make_column_transformer(
        (StandardScaler(), ["wind", "load"]), (OneHotEncoder(handle_unknown="ignore"), ["carrier"])
    )
    return make_pipeline(columns, LogisticRegression())


def without_seconds(found: evertrain.Backtest) -> dict[str, Any]:
    document: dict[str, Any] = found.to_dict()
    for policy in document["policies"].values():
        del policy["seconds"], policy["fit_seconds"]
    return document


def replayed(rows: object, **others: Any) -> evertrain.Backtest:
    return evertrain.backtest(rows, **(dict(ASKED) | {"estimator": "linear", "workers": 1} | others))


def test_whatever_holds_the_rows_the_answer_is_the_same(tmp_path: Path) -> None:
    arrow = pa.Table.from_pandas(FRAME, preserve_index=False)
    path = tmp_path / "trips.parquet"
    FRAME.to_parquet(path)
    found = [replayed(each) for each in (FRAME, arrow, path, str(path), FRAME.sample(frac=1, random_state=0))]
    assert found[0].answer.startswith(("Retraining would have ", "The loop would not have retrained: "))
    assert all(without_seconds(each) == without_seconds(found[0]) for each in found)


def test_views_of_text_and_codes_are_read_as_text() -> None:
    found = replayed(Views(pa.Table.from_pandas(FRAME, preserve_index=False)), policies=["never"])
    assert found.left_out == {}
    assert found.policies["never"].metric is not None


def test_what_the_command_writes_is_what_the_function_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    FRAME.to_csv("trips.csv", index=False)
    arguments = [
        "--rows",
        "trips.csv",
        "--label",
        "late",
        "--key",
        "trip_id",
        "--latency",
        "2d",
        "--json",
        "found.json",
    ]
    policies = ["--policy", "declared", "--policy", "never", "--estimator", "linear", "--html", "page.html"]
    monkeypatch.setattr("sys.argv", ["evertrain", "backtest", *arguments, *policies])
    with pytest.raises(SystemExit, match="0"):
        program.run()
    written: dict[str, Any] = json.loads(Path("found.json").read_text())
    found = replayed("trips.csv")
    assert json.loads(json.dumps(found.to_dict())).keys() == written.keys()
    for policy in written["policies"].values():
        del policy["seconds"], policy["fit_seconds"]
    assert json.loads(json.dumps(without_seconds(found))) == written
    assert sorted(path.name for path in Path().iterdir()) == [".evertrain", "found.json", "page.html", "trips.csv"]


def test_an_own_estimator_is_replayed_as_an_object_or_by_the_function_that_makes_it() -> None:
    def make_estimator(*, seed: int) -> Pipeline:
        return a_pipeline().set_params(logisticregression__random_state=seed)

    given = a_pipeline()
    found = [replayed(FRAME, estimator=each, seed=7) for each in (given, make_estimator)]
    assert found[0].policies["declared"].metric == pytest.approx(0.88, abs=0.03)
    assert without_seconds(found[0]) == without_seconds(found[1])
    assert not hasattr(given[0], "transformers_"), "what was given stays unfitted"


def test_the_seed_is_given_to_what_leaves_its_own_open() -> None:
    """Rows are drawn for early stopping, so another seed trains another model."""
    drawn = HistGradientBoostingClassifier(max_iter=5, early_stopping=True, categorical_features="from_dtype")

    def metric(seed: int, **fixed: int) -> float | None:
        estimator = drawn.__class__(**(drawn.get_params() | fixed))
        return replayed(FRAME, estimator=estimator, seed=seed, policies=["never"]).policies["never"].metric

    assert metric(0) == metric(0) != metric(1)
    assert metric(0, random_state=3) == metric(1, random_state=3)


def test_policies_run_in_processes_with_what_a_script_defines_and_without_a_guard(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "trips.parquet")
    script = tmp_path / "script.py"
    script.write_text(
        "import evertrain, pandas\n"
        "from sklearn.ensemble import HistGradientBoostingClassifier\n"
        "class Mine(HistGradientBoostingClassifier): pass\n"
        "def make_estimator(*, seed):\n"
        "    return Mine(max_iter=5, categorical_features='from_dtype', random_state=seed)\n"
        "rows = pandas.read_parquet('trips.parquet')\n"
        "asked = dict(label='late', key='trip_id', latency='2d', policies=['never', 'periodic'])\n"
        "for workers in (1, 2):\n"
        "    found = evertrain.backtest(rows, estimator=make_estimator, workers=workers, **asked)\n"
        "    print(found.to_frame()['metric'].to_list())\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    one, other = done.stdout.splitlines()
    assert one == other
    assert "None" not in one


def test_a_model_of_a_project_is_replayed_with_its_own_label_and_estimator(tmp_path: Path) -> None:
    asked: Mapping[str, Any] = {
        "project": a_project_folder(tmp_path),
        "policies": ["declared", "never"],
        "workers": 1,
    }
    found = evertrain.backtest(FRAME, model="trips", **asked)
    assert found.answer.startswith(("Retraining would have ", "The loop would not have retrained: "))
    assert found.to_dict()["model"] == "trips"
    with pytest.raises(evertrain.EvertrainError, match="there is no models/boats/; known models: trips"):
        evertrain.backtest(FRAME, model="boats", **asked)
    with pytest.raises(evertrain.EvertrainError, match="the table has no column wind; it has"):
        evertrain.backtest(FRAME.drop(columns="wind"), model="trips", **asked)


def test_results_are_values_a_frame_and_a_page() -> None:
    found = replayed(FRAME.assign(note=[f"note {number}" for number in range(len(FRAME))]))
    assert str(found) == found.answer == found.to_dict()["answer"]
    assert repr(found) == f"<Backtest: {found.answer}>"
    frame = found.to_frame()
    assert list(frame.index) == list(found.policies) == ["declared", "never"]
    assert frame.loc["never", "metric"] == found.policies["never"].metric
    assert frame.loc["declared", "retrains"] == found.policies["declared"].retrains
    assert found.metric_name == "roc_auc_score"
    assert list(found.left_out) == ["note"]
    assert "<h1>Backtest: late of the table</h1>" in found.to_html()
    assert found._repr_html_().startswith('<iframe srcdoc="<!doctype html>')


def test_lengths_and_times_may_be_values() -> None:
    given = replayed(
        FRAME, latency=timedelta(days=2), batch=timedelta(days=1), start=FRAME["departed_at"].iloc[60 * 40]
    )
    assert without_seconds(given) == without_seconds(replayed(FRAME, start="2024-02-10", batch="1d"))


class Unfit:
    """No estimator: it makes none either."""


def fails(*, seed: int) -> None:
    raise RuntimeError("no licence")


WRONG: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "no estimator": (
        {"estimator": None},
        r"name an estimator, such as LogisticRegression\(\) or 'linear', or a model",
    ),
    "no label": ({"label": None}, "name the label: the column that is predicted"),
    "no latency": (
        {"latency": None},
        'say when a label is known: latency="7d" is a week after its row, "0d" at once',
    ),
    "a latency": ({"latency": "soon"}, 'latency soon: a duration is text such as "28d"'),
    "a start": ({"start": "soon"}, "start soon: a time is written as 2025-03-01"),
    "a metric": ({"metric": "auc"}, "there is no metric auc; known are .*roc_auc_score"),
    "a policy": ({"policies": ["weekly"]}, "there is no policy weekly; known are declared, never"),
    "a name": ({"estimator": "forest"}, "there is no estimator forest; known are"),
    "a class": (
        {"estimator": LogisticRegression},
        r"LogisticRegression is neither .* did you mean LogisticRegression\(\)",
    ),
    "no estimator at all": ({"estimator": Unfit()}, r"Unfit is neither an estimator nor a function make_estimator\("),
    "a function that fails": ({"estimator": fails}, r"fails\(seed=0\) raised RuntimeError: no licence"),
    "a function of nothing": ({"estimator": lambda *, seed: 1}, r"<lambda> returned int, which has no fit\(\)"),
    "both": ({"model": "flights"}, "models/flights/ has a label and an estimator of its own: leave both out"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_replayed_is_one_sentence(what: str) -> None:
    options, sentence = WRONG[what]
    with pytest.raises(evertrain.EvertrainError, match=sentence):
        replayed(FRAME, **options)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([1, 2], "rows: list is neither a path nor a table that hands out Arrow data"),
        ("nowhere.csv", "nowhere.csv cannot be read: No such file or directory"),
        (FRAME.drop(columns="late"), "the table has no column late; it has trip_id"),
        (pd.concat([FRAME, FRAME[["wind"]]], axis=1), "rows cannot be read as a table: Duplicate column names found"),
    ],
    ids=["a list", "no file", "no label", "a name twice"],
)
def test_rows_that_cannot_be_read_are_one_sentence(rows: object, sentence: str) -> None:
    with pytest.raises(evertrain.EvertrainError, match=sentence):
        replayed(rows)


def test_an_estimator_that_cannot_be_served_is_told_in_the_answer() -> None:
    """The loop serves what has been converted, so it never comes to a model: why is the answer."""

    class Unknown(LogisticRegression):
        def predict_proba(self, rows: Any) -> Any:
            return np.full((len(rows), 2), 0.5)

    found = replayed(FRAME[["trip_id", "departed_at", "wind", "late"]], estimator=Unknown())
    assert found.answer.startswith('Nothing can be compared: the policy "declared" came to no model: '), found.answer


def test_an_estimator_that_cannot_be_fitted_is_one_sentence() -> None:
    with pytest.raises(
        EvertrainError, match=r"^fit raised ValueError on [\d,]+ rows: could not convert string to float"
    ):
        replayed(FRAME, estimator=LogisticRegression(), workers=2)


def test_a_label_of_two_words_is_replayed_as_0_and_1_are() -> None:
    words = FRAME.assign(late=FRAME["late"].map({0: "on time", 1: "late"}))
    as_words, as_numbers = replayed(words), replayed(FRAME)
    assert as_words.to_frame()["metric"].equals(as_numbers.to_frame()["metric"])
    other = replayed(words, positive="on time")
    assert other.to_frame()["metric"].to_numpy() == pytest.approx(as_numbers.to_frame()["metric"].to_numpy())
    with pytest.raises(EvertrainError, match="positive early: late of the table is late or on time"):
        replayed(words, positive="early")


def test_how_a_file_is_written_can_be_declared(tmp_path: Path) -> None:
    path = tmp_path / "trips.csv"
    FRAME.to_csv(path, index=False, date_format="%m/%d/%Y %H:%M:%S")
    declared = replayed(path, file_format=evertrain.FileFormat(dates="month_first"))
    assert declared.to_frame()["metric"].equals(replayed(FRAME).to_frame()["metric"])
