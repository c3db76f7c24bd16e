"""What the roles of a stage may do, against what they did: from the embedded cloud's own record of every check."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Check:
    """`role`: the name of a role, or what else called."""

    role: str
    action: str
    resource: str
    decision: str


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """`action` and `resource` may hold wildcards."""

    role: str
    action: str
    resource: str

    def covers(self, check: Check) -> bool:
        return (
            self.role == check.role
            and fnmatchcase(check.action.lower(), self.action.lower())
            and fnmatchcase(check.resource, self.resource)
        )


def read_checks(path: Path) -> list[Check]:
    """Every distinct check, in the order in which they were made first."""
    entries = map(json.loads, path.read_text().splitlines())
    return [Check(_role(each["caller"]), each["action"], each["resource"], each["decision"]) for each in entries]


def _role(caller: str) -> str:
    _, assumed, rest = caller.partition(":assumed-role/")
    return rest.partition("/")[0] if assumed else caller


def read_grants(iam: Any, *, prefix: str) -> Iterator[Grant]:
    """What the inline policies of the roles with this prefix allow."""
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            if role["RoleName"].startswith(prefix):
                yield from _grants_of_role(iam, role["RoleName"])


def _grants_of_role(iam: Any, role: str) -> Iterator[Grant]:
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        document = json.loads(document) if isinstance(document, str) else document
        for statement in document["Statement"]:
            if statement["Effect"] == "Allow":
                for action in _several(statement["Action"]):
                    for resource in _several(statement["Resource"]):
                        yield Grant(role, action, resource)


def _several(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def unused_grants(grants: list[Grant], checks: list[Check]) -> list[Grant]:
    """What was never needed."""
    by_role: dict[str, list[Check]] = {}
    for check in checks:
        by_role.setdefault(check.role, []).append(check)
    return [grant for grant in grants if not any(grant.covers(check) for check in by_role.get(grant.role, ()))]


REASONS = {
    ("*", "logs:CreateLogStream"): "Lambda's and Fargate's own agents write the logs",
    ("*", "logs:PutLogEvents"): "as above",
    ("*", "sqs:ReceiveMessage"): "Lambda reads the queue for the function",
    ("*", "sqs:DeleteMessage"): "as above",
    ("*", "sqs:ChangeMessageVisibility"): "as above",
    ("*", "sqs:GetQueueAttributes"): "as above",
    ("*", "sqs:GetQueueUrl"): "as above",
    ("*", "s3:AbortMultipartUpload"): "asked for where an upload in parts fails",
    ("*JobExecutionRole*", "ecr:*"): "Fargate's agent fetches the image",
    ("*Machine*", "logs:*"): "Step Functions delivers its logs",
    ("*Machine*", "xray:*"): "Step Functions delivers its traces",
    ("*Machine*", "lambda:InvokeFunction"): "the construct library also grants every version of the function",
    ("*LargeBatchesMachine*", "states:*"): "Step Functions runs the parts of a distributed map",
    ("*LargeBatchesMachine*", "sqs:SendMessage"): "where a part fails four times",
    ("*ScoringMachine*", "states:*"): "as of large batches",
    ("*ScoringMachine*", "sqs:SendMessage"): "as of large batches",
    ("*ScoreRole*", "states:DescribeExecution"): "where a large file's execution was started before",
    ("*Score*Role*", "s3:ListBucket"): "where an object is not there",
    ("*RetrainingMachine*", "ecs:DescribeTasks"): "Step Functions waits for the task",
    ("*RetrainingMachine*", "ecs:StopTask"): "Step Functions stops the task of an ended execution",
    ("*RetrainingMachine*", "events:*"): "Step Functions learns by a rule of its own that a task has ended",
    (
        "*SchedulerRole*",
        "sqs:SendMessage",
    ): "daily maintenance is not due in a run; dead letters, where a queue is not there",
    ("*MonitorRole*", "states:DescribeExecution"): "where a large batch's execution was started before",
    ("*MonitorPartsRole*", "s3:PutObject"): "where a large batch is set aside",
    ("*MonitorPartsRole*", "s3:GetObject"): "the batch before may have a sketch",
    ("*Monitor*Role*", "s3:GetObject"): "of a file that an earlier attempt has stored",
    ("*Monitor*Role*", "s3:ListBucket"): "where an object or a sketch is not there",
    ("*MaintenanceRole*", "s3:DeleteObject"): "files that no version needs for a week",
    ("*RolloutRole*", "lambda:GetAlias"): "where a rollout is repeated or rolled back",
}
"""Of what is granted and not used in a run, why: by role and action."""


def is_explained(grant: Grant) -> bool:
    return any(fnmatchcase(grant.role, role) and fnmatchcase(grant.action, action) for role, action in REASONS)
