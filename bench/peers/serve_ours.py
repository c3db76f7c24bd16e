"""Evertrain's artifact, with the standard library; a request's rows are checked, as the endpoint does."""

from pathlib import Path

from evertrain.scoring import FlatModel, validate_rows
from serving import report

report(
    lambda path: FlatModel.from_bytes(Path(path).read_bytes()),
    lambda model, rows: model.predict(validate_rows(rows, model.features)),
)
