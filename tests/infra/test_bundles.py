"""What goes into a bundle, what stays out, and that equal sources make equal bundles."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from evertrain.adapters.training.estimators import load_estimator
from evertrain.conversion.rows import rows_of
from evertrain.domain.project.policies import EndpointPolicy, Tier
from evertrain.sklearn_tier.reading import read_model
from evertrain.sklearn_tier.writing import to_artifact
from evertrain.toolchain.own_libraries import BUNDLE_MIB
from evertrain.toolchain.workspace import Workspace
from infra import bundles
from infra.bundles import BuiltBundle, Bundle, build_function, stage_training_image
from infra.dependencies import BundleFailed, Target
from infra.serving_stack import SERVING_BY_SKLEARN
from tests.builders.models import a_model
from tests.builders.own_code import write_own_code
from tests.builders.training_frames import late, training_frame

ROOT = Path(__file__).parents[2]
SERVING = Bundle(folder="serving")
HERE = Target.from_option("local")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return a_repository(tmp_path / "repository")


def a_repository(root: Path) -> Path:
    for path, text in {
        "evertrain/__init__.py": "",
        "evertrain/domain/deciding/policy.py": "LIMIT = 1\n",
        "evertrain/cli/main.py": "",
        "evertrain/toolchain/cdk.py": "",
        "evertrain/demo/flights.py": "",
        "evertrain/demo/report.html.jinja": "",
        "evertrain/reports/page.html.jinja": "",
        "features/trips.toml": "",
        "models/trips/model.toml": "",
        "models/trips/estimator.py": "",
        "models/trips/metric.py": "",
        "jobs/__init__.py": "",
        "jobs/train/__main__.py": "",
        "jobs/train/Dockerfile": "FROM python:3.13-slim\n",
        "requirements/train.txt": "",
        "serving/handler.py": "import evertrain\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def built(root: Path) -> BuiltBundle:
    return build_function(SERVING, workspace=by_itself(root), target=HERE)


def by_itself(root: Path) -> Workspace:
    """As the repository is."""
    return Workspace(project=root, package=root, deployables=root, work=root)


def sources(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_a_function_carries_its_folder_the_package_and_the_project(root: Path) -> None:
    assert sources(built(root).path) == {
        "evertrain/__init__.py",
        "evertrain/domain/deciding/policy.py",
        "evertrain/reports/page.html.jinja",
        "features/trips.toml",
        "models/trips/metric.py",
        "models/trips/model.toml",
        "serving/handler.py",
    }


def test_the_training_image_carries_estimators_too(root: Path) -> None:
    assert sources(stage_training_image(workspace=by_itself(root))) == {
        "Dockerfile",
        "evertrain/__init__.py",
        "evertrain/domain/deciding/policy.py",
        "evertrain/reports/page.html.jinja",
        "features/trips.toml",
        "jobs/__init__.py",
        "jobs/train/__main__.py",
        "models/trips/estimator.py",
        "models/trips/metric.py",
        "models/trips/model.toml",
        "requirements/train.txt",
    }


def test_what_the_project_s_own_estimators_need_is_in_the_image_if_it_is_named(root: Path) -> None:
    (root / "models/requirements.txt").write_text("xgboost==3.2.0\n")
    image = stage_training_image(workspace=by_itself(root))
    assert (image / "requirements/models.txt").read_text() == "xgboost==3.2.0\n"
    (root / "models/requirements.txt").unlink()
    assert not (stage_training_image(workspace=by_itself(root)) / "requirements/models.txt").exists()


def test_an_installed_package_makes_the_same_bundle_of_a_project_elsewhere(root: Path, tmp_path: Path) -> None:
    """Package, deployables and project in three places, and the first of them around the second."""
    packages = tmp_path / "site-packages"
    deployables = packages / "evertrain/_deployables"
    shutil.copytree(root / "evertrain", packages / "evertrain")
    for folder in ("serving", "jobs", "requirements"):
        shutil.copytree(root / folder, deployables / folder)
    project = tmp_path / "project"
    for folder in ("features", "models"):
        shutil.copytree(root / folder, project / folder)
    apart = Workspace(project=project, package=packages, deployables=deployables, work=project / ".evertrain")
    elsewhere = build_function(SERVING, workspace=apart, target=HERE)
    assert elsewhere.digest == built(root).digest
    assert elsewhere.path.is_relative_to(apart.work)
    assert sources(elsewhere.path) == sources(built(root).path)
    image = stage_training_image(workspace=apart)
    assert sources(image) == sources(stage_training_image(workspace=by_itself(root)))


def test_what_left_the_sources_leaves_the_training_image(root: Path) -> None:
    stage_training_image(workspace=by_itself(root))
    (root / "models/trips/estimator.py").unlink()
    assert "models/trips/estimator.py" not in sources(stage_training_image(workspace=by_itself(root)))


def test_equal_sources_make_equal_bundles_to_the_byte(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "bytecode"))  # as `make` sets it
    first, second = built(root), built(a_repository(tmp_path / "elsewhere"))
    assert first.digest == second.digest
    assert contents(first.path) == contents(second.path)
    assert any(path.endswith(".pyc") for path in contents(first.path))


def test_a_changed_source_makes_another_bundle(root: Path) -> None:
    before = built(root)
    (root / "evertrain/domain/deciding/policy.py").write_text("LIMIT = 2\n")
    after = built(root)
    assert after.digest != before.digest
    assert (after.path / "evertrain/domain/deciding/policy.py").read_text() == "LIMIT = 2\n"


def test_an_unchanged_bundle_is_left_alone(root: Path) -> None:
    marked = built(root).path / "left-alone"
    marked.touch()
    built(root)
    assert marked.exists()


def test_an_unfinished_bundle_is_made_anew(root: Path) -> None:
    place = built(root).path
    place.with_suffix(".digest").unlink()
    (place / "half-written").touch()
    built(root)
    assert not (place / "half-written").exists()


def test_a_bundle_beyond_the_limit_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "LAMBDA_MAX_BYTES", 10)
    with pytest.raises(BundleFailed, match="serving: 0 MiB unzipped; AWS allows"):
        built(root)


def test_a_lock_without_hashes_is_refused(root: Path) -> None:
    (root / "requirements/loose.txt").write_text("pydantic\n")
    with pytest.raises(BundleFailed, match=r"requirements/loose\.txt could not be installed"):
        build_function(Bundle(folder="serving", lock="loose.txt"), workspace=by_itself(root), target=HERE)


def test_an_interpreter_that_is_none_is_refused() -> None:
    with pytest.raises(BundleFailed, match="aws, local or the path of a Python interpreter"):
        Target.from_option("/nowhere/python")


def test_a_function_that_runs_models_carries_their_code_and_is_another_bundle(root: Path) -> None:
    (root / "models/trips/transformers.py").write_text("A = 1\n")
    runs_models = Bundle(folder="serving", runs_models=True)
    with_code = build_function(runs_models, workspace=by_itself(root), target=HERE)
    plain = built(root)
    own = {"models/trips/estimator.py", "models/trips/transformers.py"}
    assert sources(with_code.path) - sources(plain.path) == own
    (root / "models/trips/transformers.py").write_text("A = 2\n")
    assert build_function(runs_models, workspace=by_itself(root), target=HERE).digest != with_code.digest
    assert built(root).digest == plain.digest


def test_libraries_of_the_project_s_own_come_beside_those_of_the_lock_which_keep_their_versions(root: Path) -> None:
    locked = (ROOT / "requirements/serving-sklearn.txt").read_text()
    (root / "requirements/one.txt").write_text(re.findall(r"(?m)^threadpoolctl==.*\n(?:    .*\n)+", locked)[0])
    bundle = Bundle(folder="serving", lock="one.txt", runs_models=True)
    (root / "models/requirements.txt").write_text("six\nthreadpoolctl<3\n")
    with pytest.raises(BundleFailed, match=r"models/requirements\.txt could not be installed"):
        build_function(bundle, workspace=by_itself(root), target=HERE)
    (root / "models/requirements.txt").write_text("six\nthreadpoolctl\n")
    found = sources(build_function(bundle, workspace=by_itself(root), target=HERE).path)
    assert {"threadpoolctl.py", "six.py"} <= found


def test_without_bytecode_a_bundle_that_is_too_large_with_it_still_fits(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundle(folder="serving", runs_models=True)
    (root / "serving/handler.py").write_text("import evertrain\n" + "A = [1, 2, 3]\n" * 1000)
    whole = build_function(bundle, workspace=by_itself(root), target=HERE)
    monkeypatch.setattr(bundles, "LAMBDA_MAX_BYTES", sum(map(len, contents(whole.path).values())) - 1)
    whole.path.with_suffix(".digest").unlink()
    found = build_function(bundle, workspace=by_itself(root), target=HERE)
    assert not any(path.endswith(".pyc") for path in contents(found.path))
    assert sources(found.path) == sources(whole.path)


def test_the_second_tier_s_bundle_fits_and_answers_by_code_of_the_model_s_own(tmp_path: Path) -> None:
    """With the bundle's own packages only, as above."""
    write_own_code(tmp_path)
    frame, spec = training_frame(), replace(a_model(), endpoint=EndpointPolicy(tier=Tier.SKLEARN))
    estimator = load_estimator(tmp_path, "trips", seed=0).fit(frame, late(frame))
    (tmp_path / "artifact").write_bytes(to_artifact(estimator, spec, frame))
    (tmp_path / "features").mkdir()
    apart = replace(by_itself(ROOT), project=tmp_path)
    bundle = build_function(SERVING_BY_SKLEARN, workspace=apart, target=HERE)
    assert size_of(bundle.path) < bundles.LAMBDA_MAX_BYTES
    assert size_of(bundle.path, bytecode=False) / 2**20 == pytest.approx(BUNDLE_MIB[Tier.SKLEARN], rel=0.1)
    flat = build_function(SERVING, workspace=apart, target=HERE)
    assert size_of(flat.path, bytecode=False) / 2**20 == pytest.approx(BUNDLE_MIB[Tier.FLAT], rel=0.2)
    program = f"""
import json, sys
from pathlib import Path
sys.path.insert(0, {str(bundle.path)!r})
from evertrain.scoring import validate_rows
from evertrain.sklearn_tier.reading import read_model
model = read_model(Path({str(tmp_path / "artifact")!r}).read_bytes(), root=Path({str(bundle.path)!r}))
print(json.dumps(model.predict(validate_rows(json.load(sys.stdin), model.features))))
"""
    rows = rows_of(frame.head(5), read_model((tmp_path / "artifact").read_bytes(), root=tmp_path))
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        input=json.dumps(rows),
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == estimator.predict_proba(frame.head(5))[:, 1].tolist()


def test_what_answers_is_of_the_versions_that_trained_it() -> None:
    trained, serving = (versions_in(ROOT / "requirements" / name) for name in ("train.txt", "serving-sklearn.txt"))
    assert serving.keys() - trained.keys() == set()
    assert all(trained[name] == found for name, found in serving.items())


def versions_in(lock: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"(?m)^([\w.-]+)==([^\\\n]+)", lock.read_text()):
        found.setdefault(name, []).append(version)
    return found


def size_of(folder: Path, *, bytecode: bool = True) -> int:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files if bytecode or path.suffix != ".pyc")


def test_the_trimmed_monitor_reads_parquet_and_csv_judges_and_reports(tmp_path: Path) -> None:
    """With the bundle's own packages only: `-I -S` keeps every other one out."""
    if not (ROOT / "lambdas/monitor").is_dir():
        pytest.fail("lambdas/monitor is missing")
    bundle = build_function(
        Bundle(folder="lambdas/monitor", lock="monitor.txt"), workspace=by_itself(ROOT), target=HERE
    )
    program = f"""
import io, sys
sys.path.insert(0, {str(bundle.path)!r})
import numpy, pyarrow, pyarrow.compute, pyarrow.csv, pyarrow.parquet, pydantic
buffer = io.BytesIO()
pyarrow.parquet.write_table(pyarrow.table({{"x": [1.5, None]}}), buffer, compression="zstd")
assert pyarrow.parquet.read_table(pyarrow.BufferReader(buffer.getvalue()))["x"].null_count == 1
assert pyarrow.csv.read_csv(io.BytesIO(b"x\\n2\\n"))["x"].to_pylist() == [2]
assert pyarrow.compute.sum(pyarrow.array([1, 2])).as_py() == 3
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.policies import DriftPolicy
from evertrain.reports.drift_page import DriftPage
from evertrain.statistics.reference import build_reference
from evertrain.statistics.verdict import judge
from evertrain.tables.columns import as_column
column = as_column(pyarrow.array(numpy.random.default_rng(0).normal(size=500)))
reference = build_reference({{"x": column}}, [Column(name="x", kind=FeatureKind.NUMERIC)])
sketch = reference.sketch({{"x": column}})
findings = judge(reference, sketch, policy=DriftPolicy())
page = DriftPage(title="t", before="b", after="a", findings=findings, reference=reference, sketch=sketch)
assert "<svg" in page.render()
from evertrain.adapters.landing.files import read_parts
from evertrain.domain.project.file_format import UNDECLARED
from evertrain.tables.written_values import read_numbers, read_times
written = io.BytesIO("preis;am\\n1.234,5;31.12.2024\\n".encode("utf-16"))
parts = read_parts(written, "export.csv", io.BytesIO(), UNDECLARED)
(table,) = parts.tables
assert read_numbers(table["preis"], parts.spelling).to_pylist() == [1234.5]
assert read_times(table["am"], parts.spelling).cast("timestamp[us]").to_pylist()[0].day == 31
"""
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", program], check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_a_broken_model_stops_synthesis_with_its_faults_and_no_traceback(tmp_path: Path) -> None:
    for folder in ("infra", "evertrain", "features", "models"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "cdk.json", tmp_path)
    model = tmp_path / "models/flights/model.toml"
    model.write_text(model.read_text().replace("roc_auc_score", "accuracy"))
    ran = subprocess.run(
        [sys.executable, "-m", "infra.app"], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert ran.returncode == 1
    assert "models/flights/model.toml:4: metric: " in ran.stderr
    assert "roc_auc_score, " in ran.stderr
    assert "Traceback" not in ran.stderr


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
