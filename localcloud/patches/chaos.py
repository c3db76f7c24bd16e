"""Chaos, where it is asked for: each distinct call of a role is refused once, as a fault of AWS that passes would be.

What comes afterwards is the product's to show: whether anything is lost, done twice, or left lying.
"""

import json
import os
import re
import threading
from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import stepfunctions

from localcloud.patches.patching import replaces
from localcloud.patches.permissions import Journal, actions_of_state, assumed, role_name, role_of_execution

INJECTED = "Injected"
"""The decision under which a refusal is written down."""


class Chaos:
    """`spared`: by pattern of a role's name, how many of its calls are let through after one was refused.

    Otherwise every retry would meet the next call that is to be refused once, and none would get to its end.
    """

    def __init__(self, spared: Mapping[str, int], journal: Journal) -> None:
        self._spared = spared
        self._journal = journal
        self._lock = threading.Lock()
        self._refused: set[tuple[str, str, str]] = set()
        self._still_spared: Counter[str] = Counter()

    def refuses(self, caller: str, action: str, resource: str) -> bool:
        role = role_name(caller)
        spared = next((count for pattern, count in self._spared.items() if fnmatchcase(role, pattern)), None)
        call = (role, action, kind_of(resource))
        with self._lock:
            if spared is None or call in self._refused or self._still_spared[role] > 0:
                self._still_spared[role] -= 1
                return False
            self._refused.add(call)
            self._still_spared[role] = spared
        self._journal.add(caller, action, resource, INJECTED)
        return True


def kind_of(resource: str) -> str:
    """What a resource is one of: objects by their bucket and first folder, versions and executions by whose they are.

    >>> kind_of("arn:aws:s3:::store/tables/features/trips/1.parquet"), kind_of("arn:aws:s3:::store")
    ('arn:aws:s3:::store/tables', 'arn:aws:s3:::store')
    >>> kind_of("arn:aws:lambda:us-east-1:0:function:trips:12"), kind_of("arn:aws:states:us-east-1:0:execution:m:d-1")
    ('arn:aws:lambda:us-east-1:0:function:trips', 'arn:aws:states:us-east-1:0:execution:m')
    """
    if resource.startswith("arn:aws:s3:::"):
        return "/".join(resource.split("/")[:2])
    return re.sub(r"(:execution:[^:]+):.*|(:function:[^:]+):.*", r"\1\2", resource)


def refuse_each_call_once(journal: Journal) -> None:
    spared = json.loads(os.environ["LOCALCLOUD_CHAOS"])
    if not spared:
        return
    chaos = Chaos(spared, journal)

    @replaces(iam_evaluator, "enforce")
    def enforce(original: Any, key: str, action: str, *rest: Any, resource_arn: str = "*", **more: Any) -> Any:
        refused = original(key, action, *rest, resource_arn=resource_arn, **more)
        if refused is not None:
            return refused
        caller = (iam_evaluator.resolve_caller_identity(key) or {}).get("userArn", "")
        if chaos.refuses(caller, action, resource_arn):
            return iam_evaluator.EvalResult("ImplicitDeny", principal_arn=caller)
        return None

    @replaces(stepfunctions, "_invoke_resource")
    def invoke_resource(original: Any, resource: str, data: Any) -> Any:
        role = role_of_execution()
        for action, arn in actions_of_state(resource, data):
            if role is not None and chaos.refuses(assumed(role), action, arn):
                error = "ECS.ServerException" if action == "ecs:RunTask" else "ServiceUnavailable"
                raise stepfunctions._ExecutionError(error, f"injected: {action} on {arn}")
        return original(resource, data)
