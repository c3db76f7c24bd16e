"""Which models answer, in which stage: read from the names of the serving functions."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from evertrain.domain.deployment.stacks import serving_function_prefix

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

# A capital begins the names of the stack's other functions.
_SERVING = re.compile(serving_function_prefix("([a-z][a-z0-9]*)") + "([a-z][a-z0-9_]*)")


def deployed_models(client: "LambdaClient") -> Mapping[str, frozenset[str]]:
    """By stage, of all stages of the account and region."""
    found: dict[str, set[str]] = {}
    for page in client.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            if named := _SERVING.fullmatch(function["FunctionName"]):
                found.setdefault(named[1], set()).add(named[2])
    return {stage: frozenset(models) for stage, models in found.items()}
