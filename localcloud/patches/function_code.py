"""Lambda: the code that many functions, versions and environments share is on disk once, packed and unpacked."""

import hashlib
import io
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from localcloud.patches.patching import MinistackChanged, replaces

_POINTER = ".unpacked"
"""The only file of what ministack unpacks for an environment: where the code is."""

_state = threading.RLock()
"""Held while blobs are written or removed, or a new one might be taken for an orphan."""

_unpacking = threading.Lock()


def keep_code_on_disk() -> None:
    """ministack has each function's and each version's zip in memory, 420 MB for this product, until a restart; and
    reads it all through for its digest at each save of the state. Its saved state refers to files already: here the
    state in memory does, too."""

    @replaces(lambda_svc, "_fetch_code_from_s3")
    def fetch_code_from_s3(original: Any, *args: Any, **kwargs: Any) -> Any:
        put_on_disk()  # what was deployed before: a deployment brings one function after the other
        return original(*args, **kwargs)

    @replaces(lambda_svc, "get_state")
    def get_state(original: Any) -> Any:
        with _state:
            put_on_disk()
            return original()

    @replaces(lambda_svc, "_internalize_code_zip")
    def internalize_code_zip(original: Any, record: Any, blobs: Any) -> None:
        if not (_digest(record.get("code_zip")) and _is_python(record)):
            original(record, blobs)

    @replaces(lambda_svc, "_unzipped_size")
    def unzipped_size(original: Any, code: Any) -> int:
        size: int = original(_packed(code))
        return size


def put_on_disk() -> None:
    """The code of every Python function and version; nothing else knows how to read it there."""
    with _state:
        for function in list(lambda_svc._functions._data.values()):
            for record in (function, *list(function.get("versions", {}).values())):
                code = record.get("code_zip")
                if code and isinstance(code, bytes) and _is_python(record):
                    record["code_zip"] = {lambda_svc._BLOB_REF_KEY: lambda_svc._write_code_blob(code)}


def unpack_code_once() -> None:
    """ministack unpacks a zip, some hundred MB, for each environment, and each compiles its modules anew."""
    told = '    code_dir = init["code_dir"]\n'
    if lambda_runtime._PYTHON_WORKER_SCRIPT.count(told) != 1:
        raise MinistackChanged("localcloud: ministack's worker script for Python gets its code otherwise now")
    lambda_runtime._PYTHON_WORKER_SCRIPT = lambda_runtime._PYTHON_WORKER_SCRIPT.replace(
        told,
        f'    code_dir = open(os.path.join(init["code_dir"], "{_POINTER}")).read()\n'
        '    os.chdir(code_dir); os.environ["LAMBDA_TASK_ROOT"] = code_dir\n',
    )

    @replaces(lambda_runtime.Worker, "_spawn")
    def spawn(original: Any, worker: Any) -> None:
        code = worker.code_zip
        is_python = str(worker.config.get("Runtime", "python")).startswith("python")
        # The code of an image is a pointer already.
        is_packed = is_python and worker.config.get("PackageType") != "Image"
        worker.code_zip = zip_of_pointer(_unpacked(code)) if is_packed else code
        try:
            original(worker)
        finally:
            worker.code_zip = code


def _unpacked(code: Any) -> Path:
    """The folder of this code, among what the cloud's end removes."""
    place = Path(tempfile.gettempdir()) / f"code-{_digest(code) or hashlib.sha256(code).hexdigest()}"
    with _unpacking:
        if not place.exists():
            unfinished = place.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            with zipfile.ZipFile(io.BytesIO(_packed(code))) as archive:
                archive.extractall(unfinished)
            unfinished.replace(place)
    return place


def zip_of_pointer(place: Path) -> bytes:
    """What is unpacked for an environment whose code lies there."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(_POINTER, str(place))
    return buffer.getvalue()


def _packed(code: Any) -> Any:
    digest = _digest(code)
    return lambda_svc._read_code_blob(digest) if digest else code


def _digest(code: Any) -> str | None:
    return code.get(lambda_svc._BLOB_REF_KEY) if isinstance(code, dict) else None


def _is_python(record: Any) -> bool:
    return str(record["config"].get("Runtime", "")).startswith("python")
