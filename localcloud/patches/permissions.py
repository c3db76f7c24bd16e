"""IAM: a call is made with the permissions of whoever makes it, whether by request or by a service on its behalf.

ministack, under AUTH=true, checks signatures and policies of requests. It does not check what its own services do for
a role, nor whether a function or a queue lets a service in.
"""

import contextvars
import hmac
import json
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator, responses
from ministack.core.router import extract_access_key_id
from ministack.services import apigateway, ecs, eventbridge, lambda_svc, s3, sqs, stepfunctions, sts

from localcloud.patches.patching import replaces
from localcloud.patches.step_functions import current_execution

LAMBDA_INVOKE, SQS_SEND = "lambda:InvokeFunction", "sqs:SendMessage"


def accept_only_this_start_s_key() -> None:
    """AWS knows the keys that it made; ministack takes none, `test` and any twelve digits for the root's."""
    key = os.environ["AWS_ACCESS_KEY_ID"]

    def is_root_access_key(original: Any, access_key_id: str) -> bool:
        return hmac.compare_digest(access_key_id.encode(), key.encode())

    for module in (iam_evaluator, sts):
        replaces(module, "is_root_access_key")(is_root_access_key)


def verify_the_root_s_signature() -> None:
    """AWS verifies every signature; ministack takes the root's key alone for proof."""
    is_pinning = contextvars.ContextVar("is_pinning", default=False)

    def pin_signed_request(original: Any, *request: Any, **options: Any) -> None:
        token = is_pinning.set(True)
        try:
            original(*request, **options)
        finally:
            is_pinning.reset(token)

    for module in (app, iam_evaluator):
        replaces(module, "pin_signed_request")(pin_signed_request)

    @replaces(iam_evaluator, "_is_root_key")
    def is_root_key(original: Any, access_key_id: str) -> bool:
        return not is_pinning.get() and original(access_key_id)


def name_actions_on_aliases() -> None:
    """AWS has GetAlias, UpdateAlias and DeleteAlias; ministack takes each for ListAliases."""
    named = {"GET": "GetAlias", "PUT": "UpdateAlias", "DELETE": "DeleteAlias"}

    @replaces(iam_actions, "_lambda_action")
    def lambda_action(original: Any, method: str, path: str) -> Any:
        if re.search(r"/functions/[^/]+/aliases/[^/]+/?$", path) and method in named:
            return named[method]
        return original(method, path)


def name_repositories_of_lists() -> None:
    """AWS checks ecr:DescribeRepositories on each repository that is named; ministack checks it on `*`."""

    @replaces(iam_actions, "extract_resource_arn")
    def extract_resource_arn(original: Any, service: str, *request: Any) -> Any:
        found = original(service, *request)
        _method, _path, _headers, body, *_ = request
        if service == "ecr" and found == "*" and body:
            named = json.loads(body).get("repositoryNames") or []
            return _arn("ecr", f"repository/{named[0]}") if len(named) == 1 else found
        return found


def count_requests_as_encrypted() -> None:
    """Policies refuse plain HTTP, which is all that the loopback interface has. Services, which on AWS talk to each
    other over TLS, have no transport here at all."""

    @replaces(iam_evaluator, "_resolve_condition_key")
    def resolve_condition_key(original: Any, key: str, context: Any) -> Any:
        return "true" if key.lower() == "aws:securetransport" else original(key, context)


def forbid_what_may_not_be_listed() -> None:
    """S3 says that an object is not there to who may list its bucket only, and "forbidden" to others."""

    @replaces(s3, "handle_request")
    async def handle_request(original: Any, method: str, path: str, headers: Any, *rest: Any, **more: Any) -> Any:
        answer = await original(method, path, headers, *rest, **more)
        bucket, key = s3._parse_bucket_key(path, headers)
        if answer[0] != 404 or not key or method not in ("GET", "HEAD"):
            return answer
        _, query = rest
        caller, resource = extract_access_key_id(headers, query), f"arn:aws:s3:::{bucket}"
        refused = iam_evaluator.enforce(caller, "s3:ListBucket", "s3", responses.get_region(), resource_arn=resource)
        return s3._error("AccessDenied", "Access Denied", 403, path) if refused else answer


# --- what is checked is written down -------------------------------------------------------------------


class Journal:
    """Distinct checks as lines of JSON: all denials, and what was allowed where calls are recorded."""

    def __init__(self, home: Path, *, records_allowed: bool) -> None:
        self._path = home / "permissions.jsonl"
        self.records_allowed = records_allowed
        self._lock = threading.Lock()
        self._seen: set[tuple[str, str, str, str]] = set()

    def add(self, caller: str, action: str, resource: str, decision: str) -> None:
        entry = (caller, action, resource, decision)
        if decision == "Allow" and not self.records_allowed:
            return
        with self._lock:
            if entry in self._seen:
                return
            self._seen.add(entry)
            with self._path.open("a") as file:
                file.write(json.dumps(dict(zip(("caller", "action", "resource", "decision"), entry, strict=True))))
                file.write("\n")


def write_down_checks() -> Journal:
    journal = Journal(
        Path(os.environ["LOCALCLOUD_HOME"]), records_allowed=os.environ["LOCALCLOUD_RECORD_CALLS"] == "1"
    )

    @replaces(iam_evaluator, "enforce")
    def enforce(
        original: Any, access_key_id: str, iam_action: str, *rest: Any, resource_arn: str = "*", **more: Any
    ) -> Any:
        refused = original(access_key_id, iam_action, *rest, resource_arn=resource_arn, **more)
        if refused is None and not journal.records_allowed:
            return None
        caller = iam_evaluator.resolve_caller_identity(access_key_id) or {}
        if isinstance(refused, iam_evaluator.AuthError):
            decision = refused.code
        else:
            decision = "Allow" if refused is None else refused.decision
        journal.add(caller.get("userArn", "nobody"), iam_action, resource_arn, decision)
        return refused

    return journal


# --- what a service does for a role --------------------------------------------------------------------

_STATE_ACTIONS = {
    "lambda:invoke": (LAMBDA_INVOKE, "FunctionName"),
    "sqs:sendMessage": (SQS_SEND, "QueueUrl"),
    "sns:publish": ("sns:Publish", "TopicArn"),
    "ecs:runTask": ("ecs:RunTask", "TaskDefinition"),
}
"""Of integrations on one resource: the action, and the argument that names the resource."""


def check_roles_of_services(journal: Journal) -> None:
    """State machines, schedules and rules act with their own roles' permissions; ministack lets them do anything."""

    def is_allowed(role_arn: str, action: str, resource: str) -> bool:
        allowed = _role_allows(role_arn, action, resource)
        journal.add(assumed(role_arn), action, resource, "Allow" if allowed else "ImplicitDeny")
        return allowed

    @replaces(stepfunctions, "_invoke_resource")
    def invoke_resource(original: Any, resource: str, data: Any) -> Any:
        role = role_of_execution()
        for action, arn in actions_of_state(resource, data):
            if role is not None and not is_allowed(role, action, arn):
                raise stepfunctions._ExecutionError(
                    "AccessDeniedException", f"{role} is not authorized to perform: {action} on resource: {arn}"
                )
        return original(resource, data)

    @replaces(eventbridge, "_invoke_target")
    def invoke_target(original: Any, target: Any, event: Any, rule: Any, *rest: Any) -> Any:
        arn, role = target.get("Arn", ""), target.get("RoleArn")
        service = arn.split(":")[2] if arn.count(":") >= 5 else ""
        if role and service in ("sqs", "states"):
            if not is_allowed(role, SQS_SEND if service == "sqs" else "states:StartExecution", arn):
                return None
        elif service == "sqs" and not sqs.queue_policy_allows(
            arn, "events.amazonaws.com", rule.get("Arn", ""), responses.get_account_id()
        ):
            journal.add("events.amazonaws.com", SQS_SEND, arn, "ImplicitDeny")
            return None
        return original(target, event, rule, *rest)


def check_function_policies(journal: Journal) -> None:
    """AWS answers 500 where the function's policy does not let the API in; ministack asks nobody."""

    @replaces(apigateway, "_invoke_lambda_proxy")
    async def invoke_lambda_proxy(
        original: Any, integration: Any, api_id: str, stage: str, *rest: Any, **more: Any
    ) -> Any:
        function = apigateway._extract_lambda_ref_from_integration_uri(integration.get("integrationUri", ""))
        route = rest[5]
        prefix = f"arn:aws:execute-api:{responses.get_region()}:{responses.get_account_id()}:{api_id}/{stage}"
        # The resource is the route, whose path parameters stand for themselves.
        source = f"{prefix}/$default" if route == "$default" else f"{prefix}/{route.replace(' ', '')}"
        if not _function_allows(function, "apigateway.amazonaws.com", source):
            journal.add("apigateway.amazonaws.com", LAMBDA_INVOKE, f"{function} from {source}", "ImplicitDeny")
            return 500, {"Content-Type": "application/json"}, b'{"message":"Internal Server Error"}'
        return await original(integration, api_id, stage, *rest, **more)


def role_of_execution() -> str | None:
    """The ARN of the role of the state machine that this thread runs an execution of."""
    execution = current_execution() or {}
    machine = stepfunctions._state_machines.get(execution.get("stateMachineArn")) or {}
    role: str | None = machine.get("roleArn")
    return role


def role_name(caller: str) -> str:
    """Of a role's ARN, or of who has assumed it.

    >>> role_name("arn:aws:sts::0:assumed-role/trainer/session"), role_name("arn:aws:iam::0:role/trainer")
    ('trainer', 'trainer')
    """
    _, assumed, rest = caller.partition(":assumed-role/")
    return rest.partition("/")[0] if assumed else caller.rpartition("/")[2]


def actions_of_state(resource: str, data: Mapping[str, Any]) -> list[tuple[str, str]]:
    for integration, (action, argument) in _STATE_ACTIONS.items():
        if f"states:::{integration}" in resource:
            arn = _arn_of(integration, str(data.get(argument, "")))
            return [(action, arn), *(("iam:PassRole", role) for role in _roles_of_task(arn))]
    if "states:::events:putEvents" in resource:
        buses = {entry.get("EventBusName", "default") for entry in data.get("Entries", [])}
        return [("events:PutEvents", _arn("events", f"event-bus/{bus.rpartition('/')[2]}")) for bus in sorted(buses)]
    if ":lambda:" in resource:
        return [(LAMBDA_INVOKE, resource)]
    return []


def _roles_of_task(definition_arn: str) -> list[str]:
    """Who runs a task gives it its roles."""
    definition = ecs._task_defs.get(definition_arn.partition("task-definition/")[2]) or {}
    return [definition[name] for name in ("taskRoleArn", "executionRoleArn") if definition.get(name)]


def _arn_of(integration: str, name: str) -> str:
    if name.startswith("arn:"):
        return name
    if integration == "lambda:invoke":
        return _arn("lambda", f"function:{name}")
    if integration == "sqs:sendMessage":
        return _arn("sqs", name.rpartition("/")[2])
    family, _, revision = name.partition(":")  # without a revision, the latest one
    return _arn("ecs", f"task-definition/{family}:{revision or ecs._task_def_latest.get(family, 0)}")


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{responses.get_region()}:{responses.get_account_id()}:{resource}"


def assumed(role_arn: str) -> str:
    return f"arn:aws:sts::{role_arn.split(':')[4]}:assumed-role/{role_arn.rpartition('/')[2]}/service"


def _role_allows(role_arn: str, action: str, resource: str) -> bool:
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    context = iam_evaluator.EvalContext(
        principal_arn=assumed(role_arn),
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=responses.get_region(),
    )
    policies = iam_evaluator._gather_role_policies(name, account)
    return bool(iam_evaluator.evaluate(context, policies).decision == "Allow")


def _function_allows(function_arn: str, service: str, source_arn: str) -> bool:
    """By the policy of that very qualifier."""
    function = lambda_svc._functions.get(function_arn.partition(":function:")[2].partition(":")[0])
    if function is None:
        return True  # ministack's own answer says that it is not there
    statements = [each for each in function["policy"].get("Statement", []) if each.get("Resource") == function_arn]
    context = iam_evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=LAMBDA_INVOKE,
        resource_arn=function_arn,
        region=responses.get_region(),
        service_context={"aws:sourcearn": source_arn, "aws:sourceaccount": responses.get_account_id()},
    )
    decision = iam_evaluator.evaluate_resource_policy({"Statement": statements}, context, service=service).decision
    return bool(decision == "Allow")
