"""Estimators with code of the model's own: they are written, and read by a process that has the folder alone."""

import json
import subprocess
import sys
from collections import OrderedDict, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evertrain.adapters.training.estimators import InvalidEstimator, load_estimator
from evertrain.conversion import check_parity
from evertrain.conversion.rows import rows_of
from evertrain.domain.project.metric import Metric, Task
from evertrain.domain.project.policies import EndpointPolicy, Tier
from evertrain.scoring import InvalidArtifact
from evertrain.scoring.explanations import NotExplainable, explainer_of
from evertrain.sklearn_tier.container import MAGIC, pack, unpack
from evertrain.sklearn_tier.model import SklearnModel
from evertrain.sklearn_tier.reading import read_model
from evertrain.sklearn_tier.writing import UnsupportedEstimator, to_artifact
from tests.builders.models import a_model
from tests.builders.own_code import write_own_code
from tests.builders.training_frames import delay, late, training_frame

FRAME = training_frame()
SPEC = replace(a_model(), endpoint=EndpointPolicy(tier=Tier.SKLEARN))
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_own_code(tmp_path)
    return tmp_path


class Mean:
    """An estimator that knows nothing of scikit-learn."""

    def fit(self, x: Any, y: Any) -> "Mean":
        self.mean_, self.by_hour_ = float(np.mean(y)), defaultdict(OrderedDict)
        return self

    def predict(self, x: Any) -> Any:
        return np.full(len(x), self.mean_)


def fitted(root: Path) -> Any:
    return load_estimator(root, "trips", seed=0).fit(FRAME, late(FRAME))


def artifact(root: Path) -> bytes:
    return to_artifact(fitted(root), SPEC, FRAME)


def test_the_artifact_names_what_it_holds_of_the_folder(root: Path) -> None:
    data = artifact(root)
    model = SklearnModel.from_bytes(data, root=root)
    assert model.types == (
        "_evertrain_models_trips.transformers.Clipped",
        "_evertrain_models_trips.transformers.roots",
        "numpy.dtype",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.neighbors._kd_tree.KDTree",
    )
    assert check_parity(fitted(root), FRAME, model) == 0.0


def test_another_process_with_the_folder_answers_the_same_and_needs_no_pyarrow(root: Path, tmp_path: Path) -> None:
    data, rows = artifact(root), rows_of(FRAME.head(20), read_model(artifact(root), root=root))
    (tmp_path / "artifact").write_bytes(data)
    program = f"""
import json, sys
class Refusing:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] in ("pyarrow", "deltalake", "pydantic"):
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Refusing())
from pathlib import Path
from evertrain.sklearn_tier.reading import read_model
model = read_model(Path({str(tmp_path / "artifact")!r}).read_bytes(), root=Path({str(root)!r}))
print(json.dumps(model.predict(json.load(sys.stdin))))
"""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=REPOSITORY,
        input=json.dumps(rows),
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    expected = fitted(root).predict_proba(FRAME.head(20))[:, 1]
    np.testing.assert_array_equal(json.loads(ran.stdout), expected)


def test_without_the_folder_s_file_it_is_refused(root: Path) -> None:
    data = artifact(root)
    (root / "models/trips/transformers.py").unlink()
    load_estimator_of_nothing(root)
    with pytest.raises(InvalidArtifact, match=r"trips: its artifact needs models/trips/transformers\.py"):
        read_model(data, root=root)


def load_estimator_of_nothing(root: Path) -> None:
    """Forgets what was imported of the folder."""
    (root / "models/trips/estimator.py").write_text("")
    with pytest.raises(InvalidEstimator, match="no function make_estimator"):
        load_estimator(root, "trips", seed=0)


def test_what_the_folder_s_file_has_no_more_is_named(root: Path) -> None:
    data, path = artifact(root), root / "models/trips/transformers.py"
    path.write_text(path.read_text().replace("Clipped", "Bounded"))
    load_estimator_of_nothing(root)
    with pytest.raises(InvalidArtifact, match=r"needs what is not in its code any more .*'Clipped'\); keep it there"):
        read_model(data, root=root)


def test_a_library_that_a_transformer_imports_and_that_is_wanting_is_named_with_the_remedy(root: Path) -> None:
    data, path = artifact(root), root / "models/trips/transformers.py"
    path.write_text(f"import category_encoders\n{path.read_text()}")
    load_estimator_of_nothing(root)
    with pytest.raises(
        InvalidArtifact, match=r"needs category_encoders, which is not here; write it into models/requirements\.txt"
    ):
        read_model(data, root=root)


def test_two_projects_models_of_one_name_do_not_get_in_each_other_s_way(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_own_code(other)
    path = other / "models/trips/transformers.py"
    path.write_text(path.read_text().replace("np.sqrt(np.abs(x))", "0"))
    first, second = artifact(root), artifact(other)
    rows = rows_of(FRAME.head(50), read_model(first, root=root))
    plain, changed = (read_model(data, root=place).predict(rows) for data, place in ((first, root), (second, other)))
    assert plain != changed
    assert read_model(first, root=root).predict(rows) == plain


def test_a_file_that_is_not_there_is_told_as_such(root: Path) -> None:
    (root / "models/trips/transformers.py").unlink()
    with pytest.raises(InvalidEstimator, match=r"estimator\.py: there is no transformers\.py beside it"):
        load_estimator(root, "trips", seed=0)


def test_an_estimator_that_knows_nothing_of_scikit_learn_is_served(root: Path) -> None:
    spec = replace(SPEC, task=Task.REGRESSION, metric=Metric.R2_SCORE)
    model = read_model(to_artifact(Mean().fit(FRAME, delay(FRAME)), spec, FRAME), root=root)
    assert isinstance(model, SklearnModel)
    assert model.types == ("collections.OrderedDict", f"{__name__}.Mean")
    assert model.predict(rows_of(FRAME.head(2), model)) == [float(np.mean(delay(FRAME)))] * 2


# --- what is refused ------------------------------------------------------------------------------


def with_header(data: bytes, **changes: Any) -> bytes:
    header, archive = unpack(data)
    return pack({**header, **changes}, archive)


def test_what_is_not_declared_is_refused_before_anything_is_imported(root: Path) -> None:
    data = artifact(root)
    header, _ = unpack(data)
    (root / "models/trips/transformers.py").write_text("raise RuntimeError('imported')")
    load_estimator_of_nothing(root)
    for name in header["types"]:
        declared = [each for each in header["types"] if each != name]
        with pytest.raises(InvalidArtifact, match=f"the artifact holds {name}, which it does not declare"):
            read_model(with_header(data, types=declared), root=root)


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "__main__.anything", "subprocess.Popen"])
def test_what_no_artifact_may_hold_is_refused_even_if_it_is_declared(root: Path, name: str) -> None:
    data = artifact(root)
    module, _, function = name.rpartition(".")
    header, archive = unpack(data)
    schema = with_function(archive, module, function)
    with pytest.raises(InvalidArtifact, match=f"the artifact declares {name}, which no artifact may hold"):
        read_model(pack({**header, "types": [*header["types"], name]}, schema), root=root)
    with pytest.raises(InvalidArtifact, match=f"the artifact holds {name}, which it does not declare"):
        read_model(pack(header, schema), root=root)


def with_function(archive: bytes, module: str, function: str) -> bytes:
    """The archive, where another function stands for the folder's own."""
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        members = {each.filename: opened.read(each) for each in opened.infolist()}
    schema = json.loads(members["schema.json"])

    def replaced(node: Any) -> Any:
        if isinstance(node, dict):
            if node.get("__class__") == "roots":
                return node | {"__class__": function, "__module__": module}
            return {key: replaced(value) for key, value in node.items()}
        return [replaced(each) for each in node] if isinstance(node, list) else node

    changed = json.dumps(replaced(schema), indent=2)
    assert changed != json.dumps(schema, indent=2)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as written:
        for member, content in members.items():
            written.writestr(member, changed if member == "schema.json" else content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": "evertrain-flat"}, "not of format evertrain-sklearn 1"),
        ({"model": "../elsewhere"}, "model is no name"),
        ({"categories": {}}, "categories: not those of its features"),
        ({"types": [3]}, "no lists of names"),
        ({"classes": ["one"]}, "no lists of names"),
        ({"tolerance": 1.0}, "tolerance: out of bounds"),
        ({"features": []}, "categories: not those"),
    ],
)
def test_a_header_that_says_what_cannot_be_is_refused(root: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArtifact, match=f"the artifact cannot be read: .*{told}"):
        read_model(with_header(artifact(root), **changes), root=root)


def test_more_than_an_endpoint_takes_is_refused_unread(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = artifact(root)
    monkeypatch.setattr("evertrain.sklearn_tier.container.MAX_BYTES", 1_000)
    with pytest.raises(InvalidArtifact, match="larger than 1000 bytes when unpacked"):
        read_model(data, root=root)
    monkeypatch.setattr("evertrain.sklearn_tier.sklearn_artifact.MAX_BYTES", 1_000)
    with pytest.raises(UnsupportedEstimator, match=r"KNeighborsClassifier: .* too much for an endpoint"):
        to_artifact(fitted(root), SPEC, FRAME)


def test_a_function_without_scikit_learn_says_so(root: Path, tmp_path: Path) -> None:
    (tmp_path / "artifact").write_bytes(MAGIC)
    program = f"""
import sys
sys.modules.update(dict.fromkeys(["numpy", "pandas", "sklearn", "skops"]))
from pathlib import Path
from evertrain.sklearn_tier.reading import read_model
read_model(Path({str(tmp_path / "artifact")!r}).read_bytes(), root=Path())
"""
    ran = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False, capture_output=True, text=True)
    assert 'the artifact is of the tier "sklearn", and there is no' in ran.stderr
    assert 'here; deploy again, with [endpoint] tier = "sklearn" in model.toml' in ran.stderr


def test_what_scikit_learn_answers_itself_has_no_contributions(root: Path) -> None:
    model = read_model(artifact(root), root=root)
    with pytest.raises(NotExplainable, match="is answered by scikit-learn itself, which tells no contributions"):
        explainer_of(model)
