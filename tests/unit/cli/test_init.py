"""`evertrain init`: from one's own rows to a project's files that are right as they are."""

import json
import re
import tomllib
from datetime import timedelta
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from evertrain.adapters.project.files import load_project
from evertrain.adapters.project.schema import GroupFile, ModelFile
from evertrain.adapters.training.estimators import load_estimator
from evertrain.cli.main import app
from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.feature_group import FeatureKind
from evertrain.domain.project.metric import Metric, Task
from evertrain.domain.project.model import ModelSpec
from evertrain.replay.defaults import Columns
from evertrain.replay.run import Request, prepare
from tests.builders.loans import loans
from tests.builders.plants import plants


def written(path: Path, frame: pd.DataFrame) -> Path:
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path, index=False)
    return path


def init(folder: Path, rows: Path, *options: str, name: str = "loans", answers: str = "") -> str:
    done = CliRunner().invoke(app, ["init", name, "--rows", str(rows), "--project", str(folder), *options], answers)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def refused(folder: Path, rows: Path, *options: str) -> str:
    with pytest.raises(EvertrainError) as raised:
        init(folder, rows, *options)
    assert raised.value.exit_status == 2
    assert [path for path in folder.rglob("*") if path.is_file() and path != rows] == []
    return str(raised.value)


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_kinds_missing_values_and_rhythm_are_read_from_the_rows(tmp_path: Path, name: str) -> None:
    told = init(tmp_path, written(tmp_path / name, loans()), "--yes")
    spec = load_project(tmp_path).models["loans"]
    group = spec.group
    assert (group.entity_key, group.event_time, group.batch.every) == ("loan_id", "applied_at", timedelta(days=1))
    assert {each.name: (each.kind, each.nullable, each.minimum) for each in group.columns} == {
        "income": (FeatureKind.NUMERIC, False, 0),
        "debt": (FeatureKind.NUMERIC, True, None),
        "region": (FeatureKind.CATEGORICAL, False, None),
        "children": (FeatureKind.NUMERIC, False, 0),
    }
    assert (spec.label.name, spec.label.latency) == ("defaulted", timedelta(days=7))
    assert spec.metric is Metric.ROC_AUC_SCORE
    assert type(load_estimator(tmp_path, "loans", seed=1)).__name__ == "HistGradientBoostingClassifier"
    assert "left out: note: 2,400 different texts in 2,400 rows look like an identifier" in told
    assert f"evertrain backtest loans --rows {tmp_path / name}" in told


def test_the_folder_is_replayed_as_the_file_alone_is(tmp_path: Path) -> None:
    """Nothing that was shown before changes by declaring it."""
    rows = written(tmp_path / "rows.csv", loans(rows_per_day=9))
    init(tmp_path, rows, "--yes", "--latency", "3d")
    by_folder, by_file = (
        prepare(
            Request(
                rows=rows,
                model="loans",
                project=tmp_path,
                estimator=estimator,
                columns=Columns(label="defaulted", key="loan_id"),
                metric=None,
                latency=timedelta(days=3),
                batch=None,
                offset=timedelta(0),
                start=None,
                seed=0,
            )
        ).history
        for estimator in (None, "hist_gradient_boosting")
    )
    assert by_folder.batch == by_file.batch == timedelta(days=7), "nine rows a day are few"
    assert policies(by_folder.spec) == policies(by_file.spec)
    assert by_folder.table.select(by_file.table.column_names).equals(by_file.table)


def policies(spec: ModelSpec) -> tuple[object, ...]:
    return spec.triggers, spec.training, spec.gate, spec.metric, spec.feature_names


def test_every_key_is_there_and_has_the_value_that_it_has_anyway(tmp_path: Path) -> None:
    init(tmp_path, written(tmp_path / "rows.csv", loans()), "--yes")
    before = load_project(tmp_path).models["loans"]
    for path, cls in (("features/loans.toml", GroupFile), ("models/loans/model.toml", ModelFile)):
        file = tmp_path / path
        text = file.read_text()
        schema = json.loads((file.parent / text.partition("\n")[0].removeprefix("#:schema ")).read_text())
        jsonschema.validate(tomllib.loads(text), schema)
        missing = [key for key in keys_of(cls) if not re.search(rf"^(# )?\[*([\w.]+\.)?{key}\b", text, re.MULTILINE)]
        assert not missing, path
        file.write_text(re.sub(r"^# (?!absent)(?=\[|\w+ = )", "", text, flags=re.MULTILINE))
    after = load_project(tmp_path).models["loans"]
    assert after.training.refit == before.training.refit
    assert (after.triggers.every, after.triggers.cooldown) == (before.triggers.every, before.triggers.cooldown)
    assert after.triggers.labels_overdue_after == before.triggers.labels_overdue_after
    assert after.gate.margin == 0.02


def keys_of(cls: type[BaseModel]) -> list[str]:
    """Of a file and of its tables; not those of a column, or of another group than the model's own."""
    found = []
    for name, field in cls.model_fields.items():
        found.append(name)
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += keys_of(inner)
    return found


def test_names_are_written_as_toml_wants_them(tmp_path: Path) -> None:
    frame = loans().rename(columns={"income": 'the "net" income', "debt": "débit €", "region": "a.b"})
    init(tmp_path, written(tmp_path / "rows.csv", frame), "--yes")
    names = load_project(tmp_path).models["loans"].feature_names
    assert names == ('the "net" income', "débit €", "a.b", "children")


def test_what_cannot_be_known_is_asked_for_with_a_suggestion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = written(tmp_path / "rows.csv", loans().assign(late=lambda frame: frame["defaulted"][::-1].to_numpy()))
    assert refused(tmp_path, rows) == (
        "--latency is missing, how long after its row a label is known; --yes takes 7d"
    )
    assert refused(tmp_path, rows, "--latency", "3d") == (
        "--key is missing, the column that names a row: loan_id, note; --yes takes loan_id"
    )
    monkeypatch.setattr("evertrain.cli.init.is_a_terminal", lambda: True)
    told = init(tmp_path, rows, answers="\n\ndefaulted\n")
    assert "The column that is to be predicted (children, debt, defaulted, income, late, region) [late]" in told
    assert load_project(tmp_path).models["loans"].label.name == "defaulted"


@pytest.mark.parametrize(
    ("change", "options", "told"),
    [
        (lambda frame: frame.drop(columns="applied_at"), (), "rows.csv has no column of times"),
        (
            lambda frame: frame[["applied_at", "income", "defaulted"]].assign(defaulted=0.5),
            (),
            "no column of rows.csv names a row",
        ),
        (
            lambda frame: frame.drop(columns=["loan_id", "note"]),
            (),
            "--key is missing, the column that names a row: children, defaulted, region",
        ),
        (
            lambda frame: frame,
            ("--label", "note"),
            "rows.csv: note is text of 2,400 classes, and a model tells 2 to 50 apart",
        ),
        (
            lambda frame: frame.assign(region=[f"r{n % 3}" for n in range(len(frame))]),
            ("--label", "region", "--positive", "r1"),
            "positive r1: region of rows.csv has 3 classes, and the probability of each is predicted; leave it out",
        ),
        (
            lambda frame: frame,
            ("--label", "region", "--positive", "east"),
            "positive east: region of rows.csv is north or",
        ),
        (lambda frame: frame, ("--label", "lost"), "rows.csv has no column lost; it has loan_id"),
        (lambda frame: frame, ("--latency", "soon"), "--latency soon: "),
        (lambda frame: frame.assign(defaulted=1), (), "every defaulted is the same class"),
    ],
)
def test_rows_that_make_no_model_are_one_sentence_and_nothing_is_written(
    tmp_path: Path, change: object, options: tuple[str, ...], told: str
) -> None:
    rows = written(tmp_path / "rows.csv", change(loans()))  # type: ignore[operator]
    assert told in refused(tmp_path, rows, "--yes", *options)


def test_a_label_of_several_words_makes_a_classification_that_can_be_served(tmp_path: Path) -> None:
    told = init(tmp_path, written(tmp_path / "rows.csv", plants()), "--yes", name="plants")
    assert "classification of species from 3 features as one of 3 classes (setosa, versicolor, virginica)" in told
    assert "judged by brier_score_loss" in told
    text = (tmp_path / "models/plants/model.toml").read_text()
    assert 'classes = ["setosa", "versicolor", "virginica"]' in text
    assert '"brier_score_loss" # or accuracy_score, balanced_accuracy_score, f1_macro_score, ' in text
    spec = load_project(tmp_path).models["plants"]
    assert spec.gate.floor == pytest.approx(2 / 3, abs=0.02)
    checked = CliRunner().invoke(app, ["check", "--project", str(tmp_path)])
    assert "plants can be served" in checked.output, checked.output


def test_a_label_of_a_few_numbers_is_taken_as_classes_and_that_is_said(tmp_path: Path) -> None:
    told = init(tmp_path, written(tmp_path / "rows.csv", loans()), "--yes", "--label", "children")
    assert "as one of 4 classes (0, 1, 2, 3)" in told
    assert "If children is an amount and no class: regression as task" in told
    assert load_project(tmp_path).models["loans"].label.classes == ("0", "1", "2", "3")


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
@pytest.mark.parametrize(
    ("no", "yes", "options"),
    [
        ("repaid", "defaulted", ()),  # the rarer one
        ("yes", "no", ("--positive", "no")),
        ("defaulted", "ok", ("--positive", "ok")),
        ("N", "Y", ()),
    ],
)
def test_a_label_of_two_words_makes_a_classification_of_the_one_that_is_meant(
    tmp_path: Path, name: str, no: str, yes: str, options: tuple[str, ...]
) -> None:
    frame = loans()
    frame["defaulted"] = np.where(frame["defaulted"] == 1, yes, no)
    rows = written(tmp_path / name, frame)
    init(tmp_path, rows, "--yes", *options)
    spec = load_project(tmp_path).models["loans"]
    assert (spec.label.classes, spec.task) == ((no, yes), Task.CLASSIFICATION)
    by_words = prepare(a_request(tmp_path, rows)).history
    np.testing.assert_array_equal(np.sort(by_words.truth), np.sort(loans()["defaulted"].to_numpy(dtype=float)))


def a_request(project: Path, rows: Path) -> Request:
    """Of the folder's model."""
    return Request(
        rows=rows,
        model="loans",
        project=project,
        estimator=None,
        columns=Columns(label=""),
        metric=None,
        latency=None,
        batch=None,
        offset=timedelta(0),
        start=None,
        seed=0,
    )


def test_nothing_is_written_over(tmp_path: Path) -> None:
    rows = written(tmp_path / "rows.csv", loans())
    init(tmp_path, rows, "--yes")
    (tmp_path / "models" / "loans" / "README.md").unlink()
    with pytest.raises(EvertrainError, match=r"features/loans\.toml, models/loans/model\.toml, models"):
        init(tmp_path, rows, "--yes")
    assert not (tmp_path / "models" / "loans" / "README.md").exists()
    with pytest.raises(EvertrainError, match="Loans: a name has lower-case letters"):
        init(tmp_path, rows, name="Loans")
