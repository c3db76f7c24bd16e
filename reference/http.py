"""docs/http.md: what the HTTP API answers. Every answer on the page is one: the functions are asked, without AWS."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from evertrain.domain.deployment.routes import (
    API_DOCUMENT,
    BURST_LIMIT,
    DESCRIBE,
    MAX_BODY_BYTES,
    MAX_LABELS,
    MAX_ROWS,
    MODEL_DOCUMENT,
    PREDICT,
    RATE_LIMIT,
    REPORT_LABELS,
    ROUTES,
    Route,
)
from evertrain.domain.deployment.stacks import Output, StackName, stack_name
from evertrain.scoring.explanations.explainer import MAX_ROWS as MAX_EXPLAINED
from lambdas.collect import labels
from reference.doors import CLASSES, MODEL, REQUEST_ID, Answer, Broken, Doors, make_doors
from serving.bodies import MISSING_CELLS

ROW = {"distance": 740, "wind": None, "carrier": "UA", "holiday": False}
LABEL = {"trip_id": "t-81", "departed_at": "2025-03-09T10:00:00Z", "late": 1}
OF_PREDICTION = {"prediction_id": f"{REQUEST_ID}:1", "late": 0}

CSV, JSON_LINES = {"content-type": "text/csv"}, {"content-type": "application/jsonlines"}
EXPLAIN = {"explain": "true"}
WRONG_CSV = "distance,carrier,holiday\n740,UA,false\nfar,UA,true"


def http_page() -> str:
    doors = make_doors()
    routes = "\n".join(
        f"| `{each.method} {each.path}` | {each.means} | {'always' if each.always_signed else 'unless `none`'} |"
        for each in ROUTES
    )
    return (
        "\n\n".join(
            [
                "# The HTTP API",
                "Made by `make reference`: the functions in `serving` and `lambdas/collect` are asked, and what they answer stands here; predictions are cut to four digits. "
                f"The address is the output `{Output.API_URL}` of the stack `{stack_name('<stage>', StackName.SERVING)}`. Bodies are JSON where nothing else is said.",
                f"| route | answers | signed |\n|---|---|---|\n{routes}",
                "Signed is by AWS Signature 4 for the service `execute-api`, as `evertrain predict` and `curl --aws-sigv4` do; `none` is a deployment with `-c endpoint_auth=none`. "
                f"All callers together may send {RATE_LIMIT} requests a second, and {BURST_LIMIT} at once.",
                *_predictions(doors),
                *_predictions_of_classes(make_doors(CLASSES)),
                *_explained(doors),
                *_in_other_forms(doors),
                *_labels(doors),
                *_description(doors),
                *_refusals(doors),
            ]
        )
        + "\n"
    )


def _predictions(doors: Doors) -> Iterator[str]:
    yield f"## `{PREDICT.method} {PREDICT.path}`"
    yield (
        "One row, as an object with exactly the model's features; a time is ISO 8601 text. The answer is the probability of class 1, or the number. "
        "By `prediction_id` labels can be told later, and the access log has it, too."
    )
    yield _example(PREDICT, ROW, doors.ask(PREDICT, ROW))
    many = {"rows": [ROW, ROW | {"distance": 2900, "carrier": "DL"}]}
    yield f"Or up to {MAX_ROWS:,} rows; predictions come in their order. The id of row 3 is `<prediction_id>:3`, counted from 0."
    yield _example(PREDICT, many, doors.ask(PREDICT, many))
    yield (
        "Where the model declares `[endpoint] explore`, `explore` says of each row whether the caller is to act as if there were no prediction: so labels come in for rows "
        "that would not have got one."
    )
    yield _example(PREDICT, many, replace(doors, explore=0.3).ask(PREDICT, many))


def _predictions_of_classes(doors: Doors) -> Iterator[str]:
    names = ", ".join(doors.spec.label.classes)
    yield (
        f"Where `label.classes` names more than two, such as {names}, a prediction is an object with the probability of each. A class that no training row had has the "
        "probability 0."
    )
    yield _example(PREDICT, ROW, doors.ask(PREDICT, ROW))


def _explained(doors: Doors) -> Iterator[str]:
    yield "### Why"
    yield (
        f"With `?explain=true`, `explanations` tell what each feature added, row by row: `base` and `contributions` add up to the prediction on `scale`. That is `log-odds` (their logistic is the "
        "probability), `log` and `log1p` (their exponential, less 1, is the number), `probability` and `number` as predicted. Of more than two classes both are objects of each one's, on the scale `logit` (the softmax of all classes' is the probabilities) or `probability`. `base` is what is predicted where nothing is known of a row. "
        f"Up to {MAX_EXPLAINED} rows, fewer where trees are many; which models can be explained, and how, is told in [models.md](models.md#explanations). In JSON Lines, each has its `explanation`."
    )
    yield _example(PREDICT, ROW, doors.ask(PREDICT, ROW, query={"explain": "true"}), query="?explain=true")


def _in_other_forms(doors: Doors) -> Iterator[str]:
    yield "### Other forms"
    yield (
        "Rows may also come as `text/csv`, with a line of names or, as `text/csv; header=absent`, in the order of the features; or as `application/jsonlines` (also `application/x-ndjson`), "
        "an object on each line. `accept` asks for the answer in any of these; who asked and which version answered is then in the headers `x-prediction-id` and `x-model-version`, "
        f"which every answer has. An empty cell is null, and so are {', '.join(f'`{cell}`' for cell in MISSING_CELLS if cell)}. Rows are counted from 0, without the line of names."
    )
    rows = "distance,wind,carrier,holiday\n740,,UA,false\n2900,12,DL,false"
    yield _example_of_text(doors, rows, sent="text/csv", wanted="text/csv")
    lines = "\n".join(json.dumps(row) for row in (ROW, ROW | {"distance": 2900, "carrier": "DL"}))
    yield _example_of_text(doors, lines, sent="application/jsonlines", wanted="application/jsonlines")


def _example_of_text(doors: Doors, rows: str, *, sent: str, wanted: str) -> str:
    status, answered = doors.ask_for_text(PREDICT, rows, headers={"content-type": sent, "accept": wanted})
    cut = re.sub(r"0\.\d+", lambda found: f"{float(found[0]):.4f}", answered)
    asked = f"{PREDICT.method} {PREDICT.of(MODEL)}\ncontent-type: {sent}\naccept: {wanted}\n\n{rows}"
    return f"```http\n{asked}\n```\n\n```http\nHTTP/1.1 {status} OK\n\n{cut.rstrip()}\n```"


def _labels(doors: Doors) -> Iterator[str]:
    yield f"## `{REPORT_LABELS.method} {REPORT_LABELS.path}`"
    yield (
        "One label, by the key and the event time of the group's row. It is kept when the answer comes, and lands within a minute; of a row that is told twice the later label counts. "
        "A class is 0 or 1, or true or false."
    )
    yield _example(REPORT_LABELS, LABEL, doors.ask(REPORT_LABELS, LABEL))
    body = {"labels": [OF_PREDICTION]}
    yield (
        f"Or up to {MAX_LABELS:,} as `labels`. Where the model declares `[label] of_predictions`, a label may name a prediction in place of the row "
        "([how-to/labels.md](how-to/labels.md)); an `event_time`, when it happened, may stand beside it."
    )
    yield _example(REPORT_LABELS, body, doors.ask(REPORT_LABELS, body))


def _description(doors: Doors) -> Iterator[str]:
    yield f"## `{DESCRIBE.method} {DESCRIBE.path}`"
    yield "What the model that answers now wants to be asked."
    yield _example(DESCRIBE, None, doors.ask(DESCRIBE))
    yield (
        f"The same for programs is `{MODEL_DOCUMENT.method} {MODEL_DOCUMENT.path}`, an OpenAPI 3.1 document of this version. `{API_DOCUMENT.method} {API_DOCUMENT.path}` is one of the whole "
        "API, with all models and their labels, as the project declares them: that of this repository's own models is [schema/openapi.json](schema/openapi.json)."
    )


def _refusals(doors: Doors) -> Iterator[str]:
    yield "## Refusals"
    yield (
        "Whatever is refused is answered with one sentence in `error`, and nothing of it is kept. It names the row, where there are several, and the feature, and says nothing of what "
        "a value holds."
    )
    lines = ["| status | asked | `error` |", "|---|---|---|"]
    lines += [f"| {status} | {_escaped(what)} | {_escaped(error)} |" for status, what, error in refusals(doors)]
    yield "\n".join(lines)
    yield (
        "API Gateway itself answers with `message` in place of `error`: 403 without a valid signature, 429 above the rates, 413 for more than 10 MB. 500 comes with `request_id`, "
        "by which the function's log has what happened. Worth trying again are 429 and 500, and 503 once a first model is there."
    )


def refusals(doors: Doors) -> Iterator[tuple[int, str, str]]:
    """Status, what was asked in words, and the sentence."""
    predict, report = f"{PREDICT.method} …/predict", f"{REPORT_LABELS.method} …/labels"
    asked: list[tuple[str, Answer]] = [
        (f"{predict}, nothing", doors.ask(PREDICT, raw="")),
        (f"{predict}, no JSON", doors.ask(PREDICT, raw="{")),
        (f"{predict}, a feature is missing", doors.ask(PREDICT, {"distance": 740})),
        (f"{predict}, a value of another kind", doors.ask(PREDICT, ROW | {"distance": "far"})),
        (f"{predict}, a feature too many", doors.ask(PREDICT, ROW | {"colour": "red"})),
        (f"{predict}, the second row is wrong", doors.ask(PREDICT, {"rows": [ROW, ROW | {"holiday": None}]})),
        (f"{predict}, of a form that is not taken", doors.ask(PREDICT, ROW, headers={"content-type": "image/png"})),
        (f"{predict}, an answer of another form", doors.ask(PREDICT, ROW, headers={"accept": "text/html"})),
        (f"{predict}, CSV with a value too many", doors.ask(PREDICT, raw="distance,carrier\n740,UA,1", headers=CSV)),
        (f"{predict}, CSV with a value of another kind", doors.ask(PREDICT, raw=WRONG_CSV, headers=CSV)),
        (f"{predict}, a line that is no JSON", doors.ask(PREDICT, raw="{}\n{", headers=JSON_LINES)),
        (f"{predict}?explain=true, CSV", doors.ask(PREDICT, ROW, headers={"accept": "text/csv"}, query=EXPLAIN)),
        (f"{predict}?explain=true, 101 rows", doors.ask(PREDICT, {"rows": [ROW] * 101}, query=EXPLAIN)),
        (
            f"{predict}?explain=true, an old version",
            replace(doors, model=doors.model_before()).ask(PREDICT, ROW, query=EXPLAIN),
        ),
        (f"{predict}?explan=true", doors.ask(PREDICT, ROW, query={"explan": "true"})),
        (f"{predict}?explain=maybe", doors.ask(PREDICT, ROW, query={"explain": "maybe"})),
        (f"{predict}, no rows", doors.ask(PREDICT, {"rows": []})),
        (f"{predict}, {MAX_ROWS + 1:,} rows", doors.ask(PREDICT, {"rows": [ROW] * (MAX_ROWS + 1)})),
        (f"{predict}, a large body", doors.ask(PREDICT, raw=" " * (MAX_BODY_BYTES + 1))),
        (f"{predict}, before the first promotion", replace(doors, model=None).ask(PREDICT, ROW)),
        (f"{predict}, something failed", replace(doors, model=Broken()).ask(PREDICT, ROW)),
        (f"{report}, the label is missing", doors.ask(REPORT_LABELS, {"trip_id": "t-81"})),
        (f"{report}, no class", doors.ask(REPORT_LABELS, LABEL | {"late": 2})),
        (f"{report}, no time", doors.ask(REPORT_LABELS, LABEL | {"departed_at": "yesterday"})),
        (f"{report}, later than now", doors.ask(REPORT_LABELS, LABEL | {"departed_at": "2025-04-01T00:00:00Z"})),
        (f"{report}, no labels", doors.ask(REPORT_LABELS, {"labels": []})),
        (f"{report}, {MAX_LABELS + 1:,} labels", doors.ask(REPORT_LABELS, {"labels": [LABEL] * (MAX_LABELS + 1)})),
        (f"{report}, a large body", doors.ask(REPORT_LABELS, raw=" " * (labels.MAX_BODY_BYTES + 1))),
        (f"{report}, of a model that is not there", doors.ask(REPORT_LABELS, LABEL, model="boats")),
        ("another model", doors.ask_elsewhere("POST", "/models/boats/predict")),
        ("another path", doors.ask_elsewhere("GET", "/predict")),
        ("another method", doors.ask_elsewhere("GET", "/models/late/predict")),
    ]
    for what, (status, answer) in asked:
        yield status, what, answer["error"]


def _example(route: Route, body: object, answer: Answer, *, query: str = "") -> str:
    status, answered = answer
    request = "" if body is None else f"\n\n{json.dumps(body)}"
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    return f"```http\n{route.method} {route.of(MODEL)}{query}{request}\n```\n\n```http\n{head}\n\n{_shown(answered)}\n```"


def _shown(answer: dict[str, Any]) -> str:
    if "predictions" in answer:
        answer = answer | {"predictions": [_rounded(each) for each in answer["predictions"]]}
    if "explanations" in answer:
        answer = answer | {"explanations": [_rounded_explanation(each) for each in answer["explanations"]]}
    if "features" in answer:
        lines = ",\n".join(f"    {json.dumps(each)}" for each in answer["features"])
        rest = json.dumps({name: value for name, value in answer.items() if name != "features"})
        return f'{rest[:-1]}, "features": [\n{lines}\n]}}'
    return json.dumps(answer)


def _rounded(prediction: float | dict[str, float]) -> object:
    if isinstance(prediction, dict):
        return {name: round(each, 4) for name, each in prediction.items()}
    return round(prediction, 4)


def _rounded_explanation(explanation: dict[str, Any]) -> dict[str, Any]:
    added = {name: round(value, 4) for name, value in explanation["contributions"].items()}
    return explanation | {"base": round(explanation["base"], 4), "contributions": added}


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
