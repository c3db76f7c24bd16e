"""Lambda's alias weights: a share of an alias's calls goes to another version, as on AWS."""

import random
from typing import Any

from ministack.services import lambda_svc

from localcloud.patches.patching import replaces


def honour_weights() -> None:
    """ministack keeps an alias's weights and lets one version answer all calls."""

    @replaces(lambda_svc, "_effective_func_record_for_qualifier")
    def effective_record(original: Any, function: Any, qualifier: Any) -> Any:
        return original(function, _drawn(function, qualifier))

    @replaces(lambda_svc, "_invoke")
    async def invoke(original: Any, *request: Any) -> Any:
        name, event, headers, path_qualifier, query = request
        asked = path_qualifier or lambda_svc._qp_first(query or {}, "Qualifier")
        return await original(name, event, headers, _drawn(lambda_svc._functions.get(name), asked), query)


def _drawn(function: Any, qualifier: Any) -> Any:
    alias = ((function or {}).get("aliases") or {}).get(qualifier)
    weights = ((alias or {}).get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    place = random.random()  # noqa: S311  # which of two versions answers is no secret
    for version, share in weights.items():
        if place < share:
            return version
        place -= share
    return qualifier
