"""What may differ between two deployments: read from the CDK context and the environment, and checked here."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches

from evertrain.domain.deployment.stacks import stage_prefix
from evertrain.domain.deployment.variables import Variable
from evertrain.domain.errors import EvertrainError

_PLAIN_NAME = r"[\w-]+"
"""Feature flags, and what the CDK looked up, have a mark in their names: @aws-cdk/core:…, aws:cdk:…, ami:…."""

_PLAIN_NAMES_OF_CDK = ("acknowledged-issue-numbers", "cli-telemetry")


class InvalidOption(EvertrainError):
    """A context key or an environment variable has a value that is not allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    stage: str
    clock: str
    """`system`, or `replay` where the present is replayed history."""
    tick: str
    """How often the retraining policy is asked although nothing happened."""
    maintenance: str
    """How often the feature store's small files are put together."""
    endpoint_auth: str
    """`iam`, or `none` for an endpoint that anyone may call."""
    notify: tuple[str, ...]
    """Mail addresses and HTTPS endpoints that are told when a person is needed."""
    removal: str
    """What `cdk destroy` does with data: `retain`, or `destroy` (buckets have to be emptied by hand before)."""
    deletion_protection: bool
    """Tables and the stack that holds the data can't be deleted before this is switched off."""
    encryption: str
    """`aws`, with keys that AWS manages, or `kms`, with a key of the stage's own."""
    training_base: str
    """The image that the training container is built on; by digest, such as python@sha256:…, it can't change."""
    bundles: str
    """`aws`, `local` for this interpreter, or the path of another one that is to run the functions."""
    large_object_bytes: int
    """A larger object is checked in parts, by many functions at once."""
    batching_window: int
    """Seconds for which answered requests and reported labels are collected before they land as a file."""
    bake: int | None
    """Seconds that each step of a rollout lasts, in place of what models declare."""
    snap_start: bool
    """Published versions of the endpoint start from a snapshot that has their model in memory."""
    mlflow: str
    """The URL of an MLflow server that shows the registry, or empty."""
    mlflow_secret: str
    """The ARN of the secret with its credentials, or empty."""
    cli_credentials: bool
    """Deploy as the caller instead of the roles of `cdk bootstrap`."""

    @classmethod
    def read(cls, context: Callable[[str], object], environment: Mapping[str, str]) -> "Options":
        """`context` answers None for a key that was not given."""

        def text(key: str, default: str) -> str:
            value = context(key)
            return default if value is None else str(value)

        removal = _choice("removal", text("removal", "retain"), ("retain", "destroy"))
        protected = text("deletion_protection", "1" if removal == "retain" else "0")
        return cls(
            stage=_stage_name("stage", text("stage", environment.get("EVERTRAIN_STAGE") or "dev")),
            clock=_choice("clock", text("clock", "system"), ("system", "replay")),
            tick=_schedule("tick", text("tick", "rate(1 day)")),
            maintenance=_schedule("maintenance", text("maintenance", "rate(1 day)")),
            endpoint_auth=_choice("endpoint_auth", text("endpoint_auth", "iam"), ("iam", "none")),
            notify=_addresses("notify", text("notify", environment.get("EVERTRAIN_NOTIFY") or "")),
            removal=removal,
            deletion_protection=_choice("deletion_protection", protected, ("0", "1")) == "1",
            encryption=_choice("encryption", text("encryption", "aws"), ("aws", "kms")),
            training_base=_image("training_base", text("training_base", "python:3.13-slim")),
            bundles=text("bundles", "local" if environment.get("AWS_ENDPOINT_URL") else "aws"),
            large_object_bytes=_count("large_object_bytes", text("large_object_bytes", str(1 << 30))),
            batching_window=_seconds("batching_window", text("batching_window", "60"), at_most=300),
            bake=_bake(context("bake"), clock=text("clock", "system")),
            snap_start=_choice("snap_start", text("snap_start", "0"), ("0", "1")) == "1",
            mlflow=_url("mlflow", text("mlflow", "")),
            mlflow_secret=_secret("mlflow_secret", text("mlflow_secret", "")),
            cli_credentials=_choice("cli_credentials", text("cli_credentials", "0"), ("0", "1")) == "1",
        )

    @classmethod
    def require_known(cls, keys: Iterable[str]) -> None:
        """`keys`: of the whole context. Those of the CDK pass. Raises InvalidOption."""
        known = [field.name for field in fields(cls)]
        for key in sorted(set(keys) - set(known)):
            if re.fullmatch(_PLAIN_NAME, key) and key not in _PLAIN_NAMES_OF_CDK:
                near = get_close_matches(key.lower().replace("-", "_"), known, n=1)
                remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
                raise InvalidOption(f"{key}: the context has a key that means nothing; {remedy}")

    @property
    def of_rollout(self) -> dict[str, str]:
        """Variables."""
        return {} if self.bake is None else {Variable.BAKE_SECONDS: str(self.bake)}

    @property
    def prefix(self) -> str:
        return stage_prefix(self.stage)


def _bake(value: object, *, clock: str) -> int | None:
    """Where history is replayed nobody asks, and hours would be waited for in vain."""
    if value is None:
        return 0 if clock == "replay" else None
    return _seconds("bake", str(value), at_most=9_999)


def _matching(key: str, value: str, pattern: str, *, allowed: str) -> str:
    if not re.fullmatch(pattern, value):
        raise InvalidOption(f"{key}: {allowed}; not {value!r}")
    return value


def _stage_name(key: str, value: str) -> str:
    # The stage is part of function names, of which AWS allows 64 characters.
    allowed = "lower-case letters and digits, at most 12, a letter first"
    return _matching(key, value, r"[a-z][a-z0-9]{0,11}", allowed=allowed)


def _schedule(key: str, value: str) -> str:
    allowed = 'an EventBridge expression such as "rate(1 day)"'
    return _matching(key, value, r"(rate|cron)\([^()]+\)", allowed=allowed)


def _addresses(key: str, value: str) -> tuple[str, ...]:
    pattern = r"https://\S+|[^@\s]+@[^@\s]+\.[^@\s]+"
    allowed = "mail addresses and https:// endpoints, with commas between"
    return tuple(_matching(key, each, pattern, allowed=allowed) for each in re.split(r"[,\s]+", value) if each)


def _url(key: str, value: str) -> str:
    # Credentials go there: in the clear on this machine only.
    allowed = "an https:// URL without credentials in it, or an http:// one on this machine"
    return _matching(key, value, r"(https://[^\s@?#]+|http://(127\.0\.0\.1|localhost)(:\d+)?/?)?", allowed=allowed)


def _secret(key: str, value: str) -> str:
    allowed = "the whole ARN of a secret in Secrets Manager, arn:aws:secretsmanager:…:secret:…"
    return _matching(key, value, r"(arn:aws[\w-]*:secretsmanager:[\w-]+:\d{12}:secret:[\w/+=.@-]+)?", allowed=allowed)


def _image(key: str, value: str) -> str:
    allowed = "an image such as python:3.13-slim or python@sha256:…"
    return _matching(key, value, r"[\w./:@-]+", allowed=allowed)


def _count(key: str, value: str) -> int:
    return int(_matching(key, value, r"[1-9][0-9]*", allowed="a whole number of at least 1"))


def _seconds(key: str, value: str, *, at_most: int) -> int:
    allowed = f"whole seconds, {at_most} at most"
    seconds = int(_matching(key, value, r"[0-9]{1,4}", allowed=allowed))
    if seconds > at_most:
        raise InvalidOption(f"{key}: {allowed}; not {value!r}")
    return seconds


def _choice(key: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise InvalidOption(f"{key}: one of {', '.join(allowed)}; not {value!r}")
    return value
