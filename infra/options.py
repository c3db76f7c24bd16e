"""What may differ between two deployments: read from the CDK context and the environment, and checked here."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evertrain.domain.deployment.stacks import stage_prefix
from evertrain.domain.errors import EvertrainError


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
    removal: str
    """What `cdk destroy` does with data: `retain`, or `destroy` (buckets have to be emptied by hand before)."""
    bundles: str
    """`aws`, `local` for this interpreter, or the path of another one that is to run the functions."""
    large_object_bytes: int
    """A larger object is checked in parts, by many functions at once."""
    cli_credentials: bool
    """Deploy as the caller instead of the roles of `cdk bootstrap`."""

    @classmethod
    def read(cls, context: Callable[[str], object], environment: Mapping[str, str]) -> "Options":
        """`context` answers None for a key that was not given."""

        def text(key: str, default: str) -> str:
            value = context(key)
            return default if value is None else str(value)

        return cls(
            stage=_stage_name("stage", text("stage", environment.get("EVERTRAIN_STAGE") or "dev")),
            clock=_choice("clock", text("clock", "system"), ("system", "replay")),
            tick=_schedule("tick", text("tick", "rate(1 day)")),
            maintenance=_schedule("maintenance", text("maintenance", "rate(1 day)")),
            endpoint_auth=_choice("endpoint_auth", text("endpoint_auth", "iam"), ("iam", "none")),
            removal=_choice("removal", text("removal", "retain"), ("retain", "destroy")),
            bundles=text("bundles", "local" if environment.get("AWS_ENDPOINT_URL") else "aws"),
            large_object_bytes=_count("large_object_bytes", text("large_object_bytes", str(1 << 30))),
            cli_credentials=_choice("cli_credentials", text("cli_credentials", "0"), ("0", "1")) == "1",
        )

    @property
    def prefix(self) -> str:
        return stage_prefix(self.stage)


def _stage_name(key: str, value: str) -> str:
    # The stage is part of function names, of which AWS allows 64 characters.
    if not re.fullmatch(r"[a-z][a-z0-9]{0,11}", value):
        raise InvalidOption(f"{key}: lower-case letters and digits, at most 12, a letter first; not {value!r}")
    return value


def _schedule(key: str, value: str) -> str:
    if not re.fullmatch(r"(rate|cron)\([^()]+\)", value):
        raise InvalidOption(f'{key}: an EventBridge expression such as "rate(1 day)"; not {value!r}')
    return value


def _count(key: str, value: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]*", value):
        raise InvalidOption(f"{key}: a whole number of at least 1; not {value!r}")
    return int(value)


def _choice(key: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise InvalidOption(f"{key}: one of {', '.join(allowed)}; not {value!r}")
    return value
