"""What keys in the buckets begin with: where each kind of object is kept, and what permissions are given on."""

from enum import StrEnum

TABLES_PREFIX = "tables"
"""The folder of the feature store's bucket that the tables are in."""

BATCH_FILE_PREFIX = "batch-"
"""In a table's folder: what the names of files with a checked batch's rows begin with."""


class ArtifactPrefix(StrEnum):
    """Folders of the artifact bucket; below each comes the model's name, of `PARTS` the batch's id."""

    MODELS = "models"
    REFERENCES = "references"
    SMOKE_TESTS = "smoke-tests"
    RUNS = "runs"
    DRIFT = "drift"
    PARTS = "parts"


def tables_root(bucket: str) -> str:
    """The URI that all tables are below."""
    return f"s3://{bucket}/{TABLES_PREFIX}"
