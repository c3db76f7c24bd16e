"""What the HTTP API answers: the CDK app routes by it, a refusal names it, and docs/http.md is made of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`path`: with {model} for the model's name. `always_signed`: also where anyone may ask for predictions."""

    method: str
    path: str
    means: str
    always_signed: bool = False

    def of(self, model: str) -> str:
        """The path for one model."""
        return self.path.format(model=model)

    def takes(self, path: str) -> bool:
        """Whether it is this route's path, for whatever model.

        >>> PREDICT.takes("/models/late/predict"), PREDICT.takes("/models/late")
        (True, False)
        """
        own, asked = self.path.strip("/").split("/"), path.strip("/").split("/")
        return len(own) == len(asked) and all(a in ("{model}", b) for a, b in zip(own, asked, strict=True))


PREDICT = Route(method="POST", path="/models/{model}/predict", means="predictions of one row or many")
DESCRIBE = Route(method="GET", path="/models/{model}", means="the version that answers, and the features it wants")
REPORT_LABELS = Route(
    method="POST", path="/models/{model}/labels", means="labels, as they become known", always_signed=True
)
MODEL_DOCUMENT = Route(
    method="GET", path="/models/{model}/openapi.json", means="OpenAPI 3.1, of the version that answers"
)
API_DOCUMENT = Route(method="GET", path="/openapi.json", means="OpenAPI 3.1, of all models as they are declared")

ROUTES = (PREDICT, REPORT_LABELS, DESCRIBE, MODEL_DOCUMENT, API_DOCUMENT)

RATE_LIMIT, BURST_LIMIT = 100, 200
"""Requests a second, and at once, of all callers together: a bound on what a runaway client can cost."""

MAX_BODY_BYTES = 5 * 1024 * 1024
"""Bytes. Lambda itself takes 6 MB with everything around it; this way the refusal is ours, and a sentence."""

PREDICTION_ID_HEADER, MODEL_VERSION_HEADER = "x-prediction-id", "x-model-version"
"""Of an answer with predictions, whatever its form."""

MAX_ROWS, MAX_LABELS = 10_000, 1_000
"""In one request."""

MAX_PROBABILITIES = 100_000
"""Of an answer with several classes: each takes some 30 bytes with its class's name, and Lambda answers with 6 MB."""
