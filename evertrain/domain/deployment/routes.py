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


PREDICT = Route(method="POST", path="/models/{model}/predict", means="predictions of one row or many")
DESCRIBE = Route(method="GET", path="/models/{model}", means="the version that answers, and the features it wants")
REPORT_LABELS = Route(
    method="POST", path="/models/{model}/labels", means="labels, as they become known", always_signed=True
)

ROUTES = (PREDICT, REPORT_LABELS, DESCRIBE)

RATE_LIMIT, BURST_LIMIT = 100, 200
"""Requests a second, and at once, of all callers together: a bound on what a runaway client can cost."""
