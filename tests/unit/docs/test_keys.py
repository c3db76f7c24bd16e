"""The reference of keys tells all of them, and the schemas for editors see what is wrong."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from evertrain.adapters.project.files import load_project
from evertrain.adapters.project.keys import (
    GROUP_KEYS,
    MODEL_KEYS,
    Key,
    declared_keys,
    json_schema,
)
from evertrain.adapters.project.schema import GroupFile, ModelFile, TomlTable
from tests.unit.adapters.project.test_files import GROUP, MODEL, a_project

REPOSITORY = Path(__file__).parents[3]
FILES = pytest.mark.parametrize(("cls", "keys"), [(GroupFile, GROUP_KEYS), (ModelFile, MODEL_KEYS)])


@FILES
def test_every_key_is_told(cls: type[TomlTable], keys: dict[str, Key]) -> None:
    assert sorted(keys) == sorted(place for place, _ in declared_keys(cls))


@pytest.mark.parametrize("path", ["features/flights.toml", "models/flights/model.toml", "models/air_time/model.toml"])
def test_the_repository_s_files_name_the_schema_that_they_hold_to(path: str) -> None:
    file = REPOSITORY / path
    first = file.read_text().partition("\n")[0]
    schema = json.loads((file.parent / first.removeprefix("#:schema ")).read_text())
    jsonschema.validate(tomllib.loads(file.read_text()), schema)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('latency = "3d"', 'latency = "3 days"'),
        ('latency = "3d"', "latency = 3"),
        ("margin = 0.01", "marign = 0.01"),
        ('"28d", "14d"', '"28d", "for_ever"'),
        ('name = "late"', ""),
        ("roc_auc_score", "auc"),
    ],
)
def test_an_editor_sees_what_is_wrong(old: str, new: str) -> None:
    schema = json_schema(ModelFile, MODEL_KEYS)
    jsonschema.validate(tomllib.loads(MODEL), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(MODEL.replace(old, new)), schema)


@FILES
def test_examples_are_such_as_may_stand_there(tmp_path: Path, cls: type[TomlTable], keys: dict[str, Key]) -> None:
    """Each by itself, in the place that it belongs to."""
    for place, key in keys.items():
        table, _, name = place.rpartition(".")
        if "*" in place or not table or place.startswith("gate.slices") or place == "label.name":
            continue
        assert key.example.startswith(f"{name} = "), place
        text = MODEL.replace('embargo = "3d"', 'embargo = "7d"') if cls is ModelFile else GROUP
        lines = [line for line in text.splitlines() if not line.startswith(f"{name} = ")]
        header = f"[{table}]"
        if header in lines:
            lines.insert(lines.index(header) + 1, key.example)
        else:
            lines += [header, key.example]
        if place.startswith("cost.") and place != "cost.retraining":
            lines.append("retraining = 10.0")
        if place == "endpoint.explore":
            lines.insert(lines.index("[label]") + 1, "of_predictions = true")
        changed = {"model" if cls is ModelFile else "group": "\n".join(lines)}
        load_project(a_project(tmp_path, **changed))  # type: ignore[arg-type]
