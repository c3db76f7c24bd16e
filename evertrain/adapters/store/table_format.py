"""The table format of the feature store, named here and nowhere else: a folder beside this file implements it.

Each part is imported when it is asked for: committing needs no pyarrow, and few commands read tables.
"""

from typing import TYPE_CHECKING

from evertrain.domain.project.model import Project
from evertrain.ports.feature_store import LabelProgressReader, TableFiles, TableMaintenance, TableReader, TableWriter

if TYPE_CHECKING:
    import pyarrow as pa


def table_reader(root: str) -> "TableReader[pa.Table]":
    """`root`: the folder or `s3://` prefix that all tables are below, here and in what follows."""
    from evertrain.adapters.store.delta.reader import DeltaReader  # noqa: PLC0415  # brings pyarrow

    return DeltaReader(root=root)


def table_writer(root: str, *, project: Project) -> TableWriter:
    from evertrain.adapters.store.delta.writer import DeltaWriter  # noqa: PLC0415

    return DeltaWriter(root=root, project=project)


def table_maintenance(root: str, *, files: TableFiles) -> TableMaintenance:
    from evertrain.adapters.store.delta.maintenance import DeltaMaintenance  # noqa: PLC0415

    return DeltaMaintenance(root=root, files=files)


def label_progress_reader(root: str) -> LabelProgressReader:
    from evertrain.adapters.store.delta.label_progress import DeltaLabelProgressReader  # noqa: PLC0415

    return DeltaLabelProgressReader(root=root)
