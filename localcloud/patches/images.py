"""Lambda: functions that are container images run in their image's context, as containers do."""

import os
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from localcloud.patches.function_code import zip_of_pointer
from localcloud.patches.patching import replaces

IMAGE_RUNTIME = "python-of-an-image"
"""What such a function is called among those of AWS's runtimes."""


def run_image_functions_as_processes() -> None:
    """ministack needs Docker for them. The handler is the image's command, as the template overrides it."""

    @replaces(lambda_svc, "_execute_function_docker")
    def execute_function_docker(original: Any, function: Any, event: Any, request_id: str) -> Any:
        config = function.get("config") or function
        if config.get("PackageType") != "Image":
            return original(function, event, request_id)
        (handler,) = config["ImageConfigResponse"]["ImageConfig"]["Command"]
        variables = config.get("Environment", {}).get("Variables", {})
        # An image has its libraries' bytecode. Beside the sources it would change the asset's hash.
        variables = variables | {"PYTHONPYCACHEPREFIX": os.environ["LOCALCLOUD_BYTECODE"]}
        config = config | {"Runtime": IMAGE_RUNTIME, "Handler": handler, "Environment": {"Variables": variables}}
        return lambda_svc._execute_function_warm({"config": config, "code_zip": _context()}, event, request_id)

    @replaces(lambda_runtime, "_detect_runtime_binary")
    def detect_runtime_binary(original: Any, runtime: str) -> Any:
        binary, script = original(runtime)
        return (os.environ["LOCALCLOUD_TASK_PYTHON"] if runtime == IMAGE_RUNTIME else binary), script


def _context() -> bytes:
    return zip_of_pointer(Path(os.environ["LOCALCLOUD_TASK_DIRECTORY"]))
