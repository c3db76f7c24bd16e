"""Roles for what runs on the embedded cloud, where each needs one."""

import json
from typing import Any

ROLE = "arn:aws:iam::000000000000:role/any"
"""May do anything; made by the conftest."""

_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com", "ecs-tasks.amazonaws.com"]},
            "Action": "sts:AssumeRole",
        }
    ],
}


def make_role(iam: Any, name: str, *statements: dict[str, Any]) -> str:
    """A role that may do what the statements allow; its ARN."""
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST))
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=document)
    return str(made["Role"]["Arn"])
