"""What runs here, for a model's lineage: digests of the program and of the model's own code, and the image."""

import json
import os
from hashlib import sha256
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from evertrain.adapters.training.estimators import model_file
from evertrain.adapters.training.own_metrics import model_code
from evertrain.domain.project.metric import METRIC_FILE

_PROGRAM_FOLDERS = ("evertrain", "jobs")


def code_provenance(root: Path, model: str) -> dict[str, str]:
    """`image` only in a container that ECS started; its digest, where ECS tells one."""
    found = {
        "program_sha256": _digest(
            sorted(path for name in _PROGRAM_FOLDERS for path in (root / name).rglob("*.py")), root
        ),
        "estimator_sha256": _digest([path for path in model_code(root, model) if path.name != METRIC_FILE], root),
    }
    if (own := model_file(root, model, METRIC_FILE)).is_file():
        found["metric_sha256"] = _digest([own], root)
    image = _image()
    return found | ({"image": image} if image else {})


def _digest(paths: list[Path], root: Path) -> str:
    digest = sha256()
    for path in paths:
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
        digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _image() -> str:
    """From the container's metadata endpoint, which only the container itself can ask."""
    uri = urlsplit(os.environ.get("ECS_CONTAINER_METADATA_URI_V4", ""))
    if not uri.hostname:
        return ""
    connection = HTTPConnection(uri.hostname, uri.port, timeout=2)
    try:
        connection.request("GET", uri.path)
        metadata = json.load(connection.getresponse())
    except (OSError, HTTPException, ValueError):
        return ""  # lineage is worth no failed training
    finally:
        connection.close()
    return str(metadata.get("ImageID") or metadata.get("Image") or "")
