"""Requests that an OpenAPI document allows, and others, made by Schemathesis; and what every answer must be like."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

ALWAYS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)

Send = Callable[[schemathesis.Case], Any]


def text_bodies(rows: Sequence[Mapping[str, Any]]) -> None:
    """How bodies of CSV and of JSON Lines are made: of such rows, cut and changed, and of anything else."""
    lines = st.sampled_from([json.dumps(row) for row in rows])
    names = list(rows[0])
    cells = st.one_of(st.sampled_from([str(value) for row in rows for value in row.values()]), st.text(max_size=4))
    csv_lines = st.lists(cells, min_size=1, max_size=len(names) + 1).map(",".join)
    anything = st.binary(max_size=60)
    header = ",".join(names)
    of_csv = st.lists(csv_lines, max_size=4).map(lambda found: "\n".join([header, *found]).encode())
    of_json = st.lists(st.one_of(lines, st.text(max_size=20)), max_size=4).map(
        lambda found: "\n".join(found).encode()
    )
    schemathesis.openapi.media_type("text/csv", st.one_of(of_csv, anything))
    schemathesis.openapi.media_type("application/jsonlines", st.one_of(of_json, anything))
    schemathesis.openapi.media_type("application/x-ndjson", st.one_of(of_json, anything))


def operations(document: Mapping[str, Any]) -> Iterator[Any]:
    schema = schemathesis.openapi.from_dict(dict(document))
    for found in schema.get_all_operations():
        yield found.ok()


def ask_everything(operation: Any, send: Send, *, examples: int) -> dict[int, int]:
    """Raises where an answer is not as the document says. How many answers there were of each status."""
    counts: dict[int, int] = {}
    _ask(operation, schemathesis.GenerationMode.POSITIVE, send, examples, counts)
    if operation.body:  # of what else is asked nothing can be wrong
        _ask(operation, schemathesis.GenerationMode.NEGATIVE, send, examples, counts)
    return counts


def _ask(operation: Any, mode: Any, send: Send, examples: int, counts: dict[int, int]) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case) -> None:
        response = send(case)
        counts[response.status_code] = counts.get(response.status_code, 0) + 1
        # Whether text is rows, and whether a label's time has come, no schema says.
        is_told = case.media_type == "application/json" and not operation.path.endswith("/labels")
        judged = (negative_data_rejection, *((positive_data_acceptance,) if is_told else ()))
        case.validate_response(response, checks=[*ALWAYS, *judged])

    ask()
