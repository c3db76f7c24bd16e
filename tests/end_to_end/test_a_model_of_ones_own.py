"""The tutorial, as somebody follows it: from a file to a champion that answers, in a project without flights. Beside
its model there is one of three classes, deployed at once with it."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evertrain.terminal.waiting import wait_until
from localcloud.launcher import REPOSITORY
from tests.builders.plants import SPECIES, plants
from tests.end_to_end.deployment import free_port

TUTORIAL = REPOSITORY / "docs/tutorial.md"
DAYS, ROWS = 120, 50
"""As its file has them."""

NOT_COPIED = (".git", ".venv*", ".build", ".localcloud", "node_modules", "tests", "bench", "models", "features")
SHARED = (".venv", ".venv-cloud", ".venv-lambda", "node_modules")

OTHERWISE = {
    "make setup": "true",
    "evertrain local up": f"evertrain local up --port {free_port()} -c notify=ml@example.com",
}
"""On a port that is free; and somebody is told."""


@dataclass(frozen=True, kw_only=True)
class Own:
    """A copy of the repository with a project of one's own. `told`: what each block of the tutorial printed."""

    root: Path
    told: dict[str, str] = field(default_factory=dict)

    def run(self, script: str) -> str:
        enter = 'eval "$(evertrain local env)"' if (self.root / ".localcloud/environment").exists() else ""
        ran = subprocess.run(
            ["/bin/bash", "-ec", f"export PATH=$PWD/bin:$PWD/.venv/bin:$PATH\n{enter}\n{script}"],
            cwd=self.root,
            env=os.environ | {"COLUMNS": "160"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{script}\n{ran.stdout[-3000:]}{ran.stderr[-3000:]}"
        return ran.stdout

    def answer(self, command: str) -> Any:
        return json.loads(self.run(f"evertrain {command} --json"))


def blocks() -> Iterator[tuple[str, str]]:
    """Of the tutorial, in their order: the language, and what stands in them."""
    yield from re.findall(r"^```(\w+)\n(.*?)^```", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    """Who has followed the tutorial to its end."""
    root = tmp_path_factory.mktemp("own") / "repository"
    shutil.copytree(REPOSITORY, root, ignore=shutil.ignore_patterns(*NOT_COPIED))
    for name in SHARED:
        (root / name).symlink_to(REPOSITORY / name)
    # The installed program would run the code of this checkout, whatever folder it stands in.
    (root / "bin").mkdir()
    (root / "bin/evertrain").write_text(
        '#!/bin/sh\nexec .venv/bin/python -c "from evertrain.cli.program import run; run()" "$@"\n'
    )
    (root / "bin/evertrain").chmod(0o755)
    found = Own(root=root)
    try:
        for language, block in blocks():
            if language == "python":
                name = block.partition("\n")[0].removeprefix("# ")
                (root / name).write_text(block)
            elif language == "sh":
                if "evertrain local up" in block:
                    make_plants(found)
                script = block
                for as_written, here in OTHERWISE.items():
                    script = script.replace(as_written, here)
                found.told[block] = found.run(script)
        yield found
    finally:
        found.run("evertrain local down")


def make_plants(own: Own) -> None:
    """A second folder, with one window, so that one contender is trained."""
    plants(days=50, rows=40).to_csv(own.root / "plants.csv", index=False)
    own.run("evertrain init plants --rows plants.csv --latency 2d --yes")
    declared = own.root / "models/plants/model.toml"
    declared.write_text(
        re.sub(r"^windows = .*$", 'windows = ["expanding"]', declared.read_text(), flags=re.MULTILINE)
    )


def told_by(own: Own, command: str) -> str:
    return next(told for block, told in own.told.items() if command in block)


def test_its_rows_become_a_folder_and_an_answer(own: Own) -> None:
    assert "loans: classification of defaulted from 3 features" in told_by(own, "evertrain init")
    assert "Every file is valid" in told_by(own, "evertrain check")
    assert "Retraining would have improved roc_auc_score by 0." in told_by(own, "evertrain backtest")
    assert "<svg" in (own.root / "answer.html").read_text()


def test_it_is_deployed_and_what_comes_next_is_told(own: Own) -> None:
    told = told_by(own, "evertrain local up")
    assert "stage local is deployed, with loans, plants\n" in told
    assert "\n  evertrain backfill MODEL --rows FILE\n" in told
    status = own.run("evertrain local status")
    assert status.endswith('next: eval "$(evertrain local env)" && evertrain backfill plants --rows FILE\n')


def test_history_becomes_a_champion_that_answers(own: Own) -> None:
    told = told_by(own, "evertrain backfill")
    assert f"features/loans: {DAYS} batches with {DAYS * ROWS:,} rows have landed" in told
    assert f"labels/loans: {DAYS} batches with {DAYS * ROWS:,} rows have landed" in told
    assert "set aside" not in told
    (version,) = own.answer("versions loans")
    assert f"loans has its first champion, {version['version']}" in told
    assert version["status"] == "champion"
    assert version["training_set"]["rows"]["end"] > "2025-08-28", "all of it was there when that was decided"
    answer, _ = json.JSONDecoder().raw_decode(told_by(own, "evertrain predict"))
    assert (answer["model_version"], len(answer["predictions"])) == (version["version"], 1)
    # And so does the row that is shown at the end.
    command = next(line.strip() for line in told.splitlines() if "evertrain predict" in line)
    assert json.loads(own.run(command))["model_version"] == version["version"]


def test_nothing_was_decided_while_history_landed(own: Own) -> None:
    decided = own.answer("decisions loans")
    assert [each["decision"]["action"] for each in decided].count("retrain") == 1
    assert len(decided) <= 4, "that, who asked for it, and what became of today's batch"


def test_a_broken_batch_is_set_aside_and_a_person_called(own: Own) -> None:
    told = told_by(own, "evertrain land")
    assert "quarantined" in told
    assert "income" in told
    assert "escalate" in told


def test_history_is_known_since_it_happened(own: Own) -> None:
    out = own.root / "known.parquet"
    own.run(f"evertrain features loans --as-of 2025-05-11 --out {out}")
    known = pd.read_parquet(out)
    assert len(known) == 10 * ROWS
    assert (known["ingested_at"] <= pd.Timestamp("2025-05-11", tz="UTC")).all()


def test_to_land_it_again_changes_nothing(own: Own) -> None:
    before = own.answer("status loans")
    assert "loans has its champion already" in own.run("evertrain backfill loans --rows loans.csv")
    assert own.answer("status loans") == before


SECOND_TIER = {
    "transformers.py": '''
def with_ratio(frame):
    """How many times a year's income the debt is."""
    return frame.assign(ratio=frame["debt"] / (12 * frame["income"] + 1))
''',
    "estimator.py": """
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from .transformers import with_ratio


def make_estimator(*, seed):
    model = HistGradientBoostingClassifier(
        max_iter=80, max_leaf_nodes=15, categorical_features="from_dtype", early_stopping=False, random_state=seed
    )
    return make_pipeline(FunctionTransformer(with_ratio), model)
""",
}


REPAIRED = """python -c "
import pandas as pd
today = pd.read_csv('today.csv')
today.assign(income=today['income'] / 100).to_csv('repaired.csv', index=False)
\""""


def test_a_deployed_model_may_change_to_the_second_tier_with_code_of_its_own(own: Own) -> None:
    folder = own.root / "models/loans"
    for name, code in SECOND_TIER.items():
        (folder / name).write_text(code)
    before = predicted(own)
    with pytest.raises(AssertionError, match='declare tier = "sklearn" in'):
        own.run("evertrain check")
    declared = (folder / "model.toml").read_text().replace("# [endpoint]", '[endpoint]\ntier = "sklearn"')
    declared = re.sub(r"(?m)^margin = .*", "margin = 0.5", declared)  # whichever window it is, it may go out
    (folder / "model.toml").write_text(f"{declared}\n[rollout]\nsteps = [1.0]\n")
    served = own.answer("check")["models"]["loans"]
    assert (served["tier"], served["parity"]) == ("sklearn", 0.0)
    own.run(OTHERWISE["evertrain local up"])
    assert predicted(own)["predictions"] == before["predictions"], "who answered still does"
    own.run(f"{REPAIRED}\nevertrain land loans repaired.csv")  # what was set aside holds every retraining
    own.run("evertrain retrain loans --reason 'the ratio of debt to income'")
    after = wait_until(lambda: answered_by_another(own, before), seconds=600, awaited="a contender that answers")
    (newest,) = (each for each in own.answer("versions loans") if each["version"] == after["model_version"])
    assert newest["artifact_uri"].endswith(".sklearn")
    assert after["predictions"] == pytest.approx(before["predictions"], abs=0.3)


def predicted(own: Own) -> Any:
    """For a region that training has not seen."""
    row = json.dumps({"income": 3000, "debt": 1800.5, "region": "west"})
    return json.JSONDecoder().raw_decode(own.run(f"evertrain predict loans --json '{row}'"))[0]


def answered_by_another(own: Own, before: Any) -> Any:
    answer = predicted(own)
    return answer if answer["model_version"] != before["model_version"] else None


# --- three classes --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def with_plants(own: Own) -> Own:
    """Who has landed the plants' history too."""
    own.told["plants"] = own.run("evertrain backfill plants --rows plants.csv")
    return own


def test_three_classes_become_a_champion_that_names_each(with_plants: Own) -> None:
    (version,) = with_plants.answer("versions plants")
    assert f"plants has its first champion, {version['version']}" in with_plants.told["plants"]
    assert version["status"] == "champion"
    row = json.dumps({"width": 3.0, "length": 0.0, "region": "south"})
    answer = json.loads(with_plants.run(f"evertrain predict plants --json '{row}'"))
    (named,) = answer["predictions"]
    assert tuple(named) == SPECIES
    assert sum(named.values()) == pytest.approx(1.0)
    assert named["setosa"] > 0.8, "as its width says"
    described = asked(with_plants, "describe('plants')")
    assert (described["classes"], described["predicts"]) == (list(SPECIES), "probability of each class")
    status = with_plants.run("evertrain local status")
    assert status.endswith('next: eval "$(evertrain local env)" && evertrain status\n')


def test_its_answers_are_kept_by_class(with_plants: Own) -> None:
    row = {"width": -3.0, "length": 2.0, "region": "west"}
    asked(with_plants, f"predict('plants', {{'rows': [{row}] * 3}})")

    def kept() -> list[dict[str, Any]] | None:
        try:
            rows = with_plants.answer("features predictions/plants --head 50")
        except AssertionError:  # there is no table yet
            return None
        return [each for each in rows if each["width"] == row["width"]] or None

    found = wait_until(kept, seconds=180, awaited="the rows of a request")
    assert len(found) == 3
    for each in found:
        shares = {name: each[f"probability_{name}"] for name in SPECIES}
        assert each["predicted_class"] == max(shares, key=lambda name: shares[name])
        assert each["prediction"] == max(shares.values())


def test_labels_are_reported_by_their_names(with_plants: Own) -> None:
    label = {"plant_id": "p1", "seen_at": "2025-01-01T00:36:00Z", "species": "virginica"}
    assert asked(with_plants, f"report_labels('plants', {label})")["accepted"] == 1
    with pytest.raises(AssertionError, match="species: must be one of setosa, versicolor, virginica"):
        asked(with_plants, f"report_labels('plants', {label | {'species': 'tulip'}})")


def asked(own: Own, call: str) -> Any:
    """What the endpoint answers over HTTP."""
    script = (
        f"import json; from evertrain.adapters.stage import Stage; print(json.dumps(Stage.find('local').api.{call}))"
    )
    return json.loads(own.run(f'.venv/bin/python -c "{script}"'))
