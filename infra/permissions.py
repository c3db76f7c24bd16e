"""Who may do what, read from the templates: `python -m infra.permissions` writes docs/security.md."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra.synthesis import REPOSITORY, Template, synthesise_templates

PAGE = REPOSITORY / "docs" / "security.md"
_INTRODUCTION = """\
# Who may do what

Made from the templates by `make security`; a test compares. Stage `dev` of this project, with the options' defaults.

Each function and each container has a role of its own, with what is below and nothing else. Callers of the HTTP API
sign their requests; labels are signed even with `-c endpoint_auth=none`. All buckets and queues refuse what does not
come over TLS.
"""
_HASH = re.compile(r"[0-9A-F]{8}$")
_EXPORT = re.compile(
    r"[\w-]+-(\w+):ExportsOutput(?:Ref|FnGetAtt)(\w+?)[0-9A-F]{8}(?:Arn|TableName|QueueName)?[0-9A-F]{8}"
)


def permissions_page(templates: Mapping[str, Template]) -> str:
    """Markdown. `templates`: by the last word of the stack's name."""
    sections = [_INTRODUCTION]
    for stack, template in sorted(templates.items()):
        for role, statements in sorted(_statements_by_role(template).items()):
            sections.append(f"## {stack}: {role}\n\n{_table(['may', 'on'], _rights(statements))}")
    calls = sorted({call for stack, template in templates.items() for call in _calls(stack, template)})
    sections.append(f"## Who may call functions\n\n{_table(['who', 'on whose behalf', 'function'], calls)}")
    return "\n".join(sections)


def _statements_by_role(template: Template) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for logical_id, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Policy":
            for role in properties["Roles"]:
                found.setdefault(_name(role), []).extend(properties["PolicyDocument"]["Statement"])
        elif resource["Type"] == "AWS::IAM::Role":
            inline = (policy["PolicyDocument"]["Statement"] for policy in properties.get("Policies", ()))
            found.setdefault(_HASH.sub("", logical_id), []).extend(each for some in inline for each in some)
    return found


def _rights(statements: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    by_resource: dict[str, set[str]] = {}
    for statement in statements:
        for resource in _list(statement["Resource"]):
            by_resource.setdefault(_name(resource), set()).update(_list(statement["Action"]))
    return sorted((", ".join(sorted(actions)), resource) for resource, actions in by_resource.items())


def _calls(stack: str, template: Template) -> Iterator[tuple[str, str, str]]:
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Permission":
            properties = resource["Properties"]
            source = _name(properties.get("SourceArn", ""))
            yield properties["Principal"], source, f"{stack}: {_name(properties['FunctionName'])}"


def _name(value: Any) -> str:
    """A reference by what it refers to."""
    match value:
        case str() | {"Fn::Sub": str()}:
            return value if isinstance(value, str) else str(value["Fn::Sub"])
        case {"Fn::GetAtt": [str(logical_id), *_]} | {"Ref": str(logical_id)}:
            return _HASH.sub("", logical_id)
        case {"Fn::ImportValue": str(export)}:
            return _EXPORT.sub(r"\2 (\1)", export)
        case {"Fn::Select": [_, {"Fn::Split": [_, part_of]}]}:
            return _name(part_of)
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(map(_name, parts))
    return json.dumps(value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *([f"`{cell}`" if cell else "" for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        templates = synthesise_templates(Path(folder), context={}, environment={})
    PAGE.write_text(permissions_page(templates), encoding="utf-8")
