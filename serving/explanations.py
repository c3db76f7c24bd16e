"""`?explain=true`: what each feature adds to each prediction. What cannot be explained is refused in a sentence."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evertrain.domain.errors import shorten
from serving.media_types import Form, MediaType
from serving.responses import Refusal
from serving.wiring import ServedModel

if TYPE_CHECKING:
    from evertrain.scoring.explanations import Explained
    from evertrain.scoring.rows import Row

PARAMETER = "explain"

Explanations = Sequence[Mapping[str, Any]]


def is_explanation_wanted(event: Mapping[str, Any], wanted: MediaType) -> bool:
    """Raises Refusal, also where the answer's form has no place for it, and for a parameter that there is not."""
    given = event.get("queryStringParameters") or {}
    # A signature may be in the query, too.
    unknown = [name for name in given if name != PARAMETER and not name.lower().startswith("x-amz-")]
    if unknown:
        raise Refusal(400, f"{shorten(min(unknown))}: there is no such parameter; there is {PARAMETER}")
    value = given.get(PARAMETER, "false")
    if value not in ("true", "false"):
        raise Refusal(400, f"{PARAMETER}: true or false, not {shorten(value)!r}")
    if value == "true" and wanted.form is Form.CSV:
        others = f"{Form.JSON} or {Form.JSON_LINES}"
        raise Refusal(406, f"accept: explanations do not fit into CSV; ask for {others}")
    return bool(value == "true")


def explanations_of(rows: "Sequence[Row]", served: ServedModel) -> Explanations:
    """One for each valid row. Raises Refusal."""
    from evertrain.scoring.explanations import NotExplainable  # noqa: PLC0415  # a cold start is shorter without

    try:
        explainer = served.explainer
    except NotExplainable as reason:
        raise Refusal(400, f"{PARAMETER}: not of version {served.version}: {reason}") from reason
    if len(rows) > explainer.rows_at_once:
        allowed = explainer.rows_at_once
        raise Refusal(413, f"rows: {len(rows)} are too many to be explained at once, {allowed} are allowed")
    explained = explainer.explain(rows)
    for index, each in enumerate(explained):
        if not all(map(math.isfinite, _contributions(each))):
            where = f"row {index}: " if len(rows) > 1 else ""
            raise Refusal(400, f"{where}a contribution is not a finite number; the features' values are too large")
    return [{"scale": explainer.scale.value} | _as_document(each) for each in explained]


def _contributions(explained: "Explained") -> list[float]:
    of_answers = explained.values() if isinstance(explained, Mapping) else [explained]
    return [value for each in of_answers for value in each.contributions.values()]


def _as_document(explained: "Explained") -> dict[str, Any]:
    """Of several classes an object of them, as a prediction is."""
    if not isinstance(explained, Mapping):
        return {"base": explained.base, "contributions": explained.contributions}
    return {
        "base": {name: each.base for name, each in explained.items()},
        "contributions": {name: each.contributions for name, each in explained.items()},
    }
