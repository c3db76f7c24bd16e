"""docs/events.md: every event of the bus, from the types that publishers are checked by."""

import json
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

from evertrain.domain.deciding.decisions import Reason
from evertrain.domain.deployment.stacks import Output, StackName, stack_name
from evertrain.domain.event_details import DETAILS, Decided, Field
from evertrain.domain.events import SOURCE, EventName

INTRODUCTION = f"""\
# Every event

Made from `evertrain/domain/event_details.py` by `make reference`. A stage has an EventBridge bus of its own, whose name is the output `{Output.EVENT_BUS_NAME}` of the stack `{stack_name("<stage>", StackName.DATA)}`.
The source of all of these is `{SOURCE}`. Details carry names and URIs, never rows. An event may come twice, late or out of order: key what you do by the `batch_id` or the `decision_id` in it.

A rule that hears of every promotion:

```json
{json.dumps({"source": [SOURCE], "detail-type": [EventName.MODEL_PROMOTED]}, indent=2)}
```"""


def events_page() -> str:
    by_detail: dict[type, list[EventName]] = {}
    for name in EventName:
        by_detail.setdefault(DETAILS[name], []).append(name)
    parts = [INTRODUCTION]
    for detail, names in by_detail.items():
        parts += _section(detail, names)
    return "\n\n".join(parts) + "\n"


def _section(detail: type, names: list[EventName]) -> Iterator[str]:
    yield f"## {', '.join(f'`{name}`' for name in names)}"
    yield " ".join((detail.__doc__ or "").split())
    hints = get_type_hints(detail, include_extras=True)
    fields = {name: (_json_type(hint), _field(hint)) for name, hint in hints.items()}
    rows = [f"| `{name}` | {kind} | {field.means} |" for name, (kind, field) in fields.items()]
    yield "\n".join(["| field | type | |", "|---|---|---|", *rows])
    if detail is Decided:
        yield f"Reasons: {', '.join(f'`{reason}`' for reason in Reason)}. What they mean: [policy.md](policy.md)."
    example = {
        "source": SOURCE,
        "detail-type": names[0].value,
        "detail": {name: field.example for name, (_, field) in fields.items()},
    }
    yield f"```json\n{json.dumps(example, indent=2, ensure_ascii=False)}\n```"


def _field(hint: Any) -> Field:
    (found,) = (each for each in hint.__metadata__ if isinstance(each, Field))
    return found


def _json_type(hint: Any) -> str:
    """
    >>> from typing import Annotated
    >>> _json_type(Annotated[list[str], "…"]), _json_type(int)
    ('array of strings', 'whole number')
    """
    kind = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
    if get_origin(kind) is list:
        return f"array of {_json_type(get_args(kind)[0])}s"
    return {str: "string", int: "whole number", float: "number"}.get(kind, "object")
