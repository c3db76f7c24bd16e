"""Has a table drifted from another one? In Python, on whatever holds tables."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from evertrain.adapters.files.places import place_name
from evertrain.adapters.monitoring.undeclared_tables import UndeclaredTable, table_in_memory, tabular_file
from evertrain.api.pages import page_in_notebook
from evertrain.api.tables import Table, path_or_table
from evertrain.domain.monitoring.drift import DriftStatus, FeatureDrift
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.file_format import UNDECLARED, FileFormat
from evertrain.domain.project.policies import DriftPolicy, DriftRule
from evertrain.reports.drift_page import DriftPage
from evertrain.statistics.reference import Reference as StoredReference
from evertrain.statistics.sketch import Sketch, merge
from evertrain.statistics.verdict import PSI_THRESHOLD, judge
from evertrain.use_cases.monitoring.compare_tables import compare_tables, fit_reference

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Drift", "DriftFound", "Reference", "Sketch", "assert_no_drift", "drift"]


class DriftFound(AssertionError):
    """`assert_no_drift` found some."""


@dataclass(frozen=True, repr=False)
class Drift:
    """What a comparison found. A notebook shows it as a page with distributions."""

    page: DriftPage

    @property
    def drifted(self) -> bool:
        """Whether anything did: a feature, how features go together, or a slice."""
        return self.page.findings.status is DriftStatus.DRIFTED

    @property
    def status(self) -> str:
        """`stable`, `drifted` or `too_few_rows`."""
        return self.page.findings.status.value

    @property
    def features(self) -> tuple[FeatureDrift, ...]:
        """By importance: those that drifted first."""
        return tuple(self.page.findings.by_importance)

    @property
    def drifted_features(self) -> tuple[str, ...]:
        """Their names, by importance."""
        return tuple(self.page.findings.drifted_features)

    @property
    def left_out(self) -> Mapping[str, str]:
        """Columns that were not compared, and why."""
        return self.page.left_out

    def to_dict(self) -> dict[str, object]:
        """As `evertrain drift --json` prints it."""
        return self.page.to_dict()

    def to_frame(self) -> "pd.DataFrame":
        """A row for each feature, with every measure."""
        import pandas as pd  # noqa: PLC0415  # nothing else here needs it

        return pd.DataFrame([asdict(each) for each in self.features]).set_index("feature")

    def to_html(self) -> str:
        """One page that needs no other file."""
        return self.page.render()

    def _repr_html_(self) -> str:
        return page_in_notebook(self.to_html())

    def __repr__(self) -> str:
        return f"<Drift: {self}>"

    def __str__(self) -> str:
        if not self.drifted:
            return f"{self.status}: {len(self.features)} features compared"
        said = [each.sentence for each in self.features if each.drifted]
        others = [each.sentence for each in self.page.findings.relations or () if each.drifted]
        return f"drifted: {'; '.join([*said, *others, *self.page.findings.drifted_slices])}"


def drift(
    before: Table,
    after: Table,
    *,
    event_time: str | None = None,
    kinds: Mapping[str, str] | None = None,
    columns: Sequence[str] = (),
    rule: str = DriftRule.CALIBRATED,
    psi_threshold: float = PSI_THRESHOLD,
    minimum_rows: int = DriftPolicy().minimum_rows,
    file_format: FileFormat = UNDECLARED,
) -> Drift:
    """Compares two tables, column by column and in how columns go together.

    before, after: the reference, and what is judged; see `Table`.
    event_time: the column that says when a row happened. If it is named, other times are compared by their age.
    kinds: by column `numeric`, `categorical`, `boolean` or `timestamp`, where that is not to be found out.
    columns: the ones to compare; by default all.
    rule: `calibrated`, more than chance explains, or `conventional`, a PSI above the threshold whatever the rows.
    psi_threshold: in nats; less drift does not matter. minimum_rows: with fewer nothing is said.
    file_format: how text in the tables is written, where that cannot be found out.

    Raises EvertrainError: a table cannot be read, or has nothing to compare.
    """
    policy = DriftPolicy(rule=DriftRule(rule), psi_threshold=psi_threshold, minimum_rows=minimum_rows)
    reference = _table(before, "before", event_time, kinds, file_format=file_format)
    judged = _table(after, "after", event_time, kinds, file_format=file_format, written_like=reference)
    found = compare_tables(reference, judged, policy=policy, only=columns)
    return Drift(
        DriftPage(
            title=f"Drift from {_name(before, 'before')} to {_name(after, 'after')}",
            before=_name(before, "before"),
            after=_name(after, "after"),
            findings=found.findings,
            reference=found.reference,
            sketch=found.sketch,
            left_out=found.left_out,
            notes=found.notes,
        )
    )


def assert_no_drift(before: Table, after: Table, **options: Any) -> None:
    """For tests: as of `drift`. Raises DriftFound, which says what drifted."""
    found = drift(before, after, **options)
    if found.drifted:
        raise DriftFound(str(found))


@dataclass(frozen=True)
class Reference:
    """A table in a few kilobytes, with which others are compared. Batches become sketches, and sketches add.

    >>> import pyarrow as pa
    >>> reference = Reference.fit(pa.table({"x": [float(i % 97) for i in range(5_000)]}))
    >>> monday, tuesday = (pa.table({"x": [float(i % 97 + shift) for i in range(500)]}) for shift in (0, 40))
    >>> reference.judge(reference.sketch(monday)).status
    'stable'
    >>> reference.judge(reference.sketch(monday) + reference.sketch(tuesday)).drifted_features
    ('x',)
    """

    stored: StoredReference

    @classmethod
    def fit(
        cls, table: Table, *, event_time: str | None = None, kinds: Mapping[str, str] | None = None
    ) -> "Reference":
        """As of `drift`. Raises EvertrainError."""
        return cls(fit_reference(_table(table, "the reference", event_time, kinds)))

    def to_bytes(self) -> bytes:
        """Data only: nothing in it is executed when it is read again."""
        return self.stored.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Reference":
        """Raises EvertrainError."""
        return cls(StoredReference.from_bytes(data))

    def sketch(self, table: Table, *, event_time: str | None = None) -> Sketch:
        """A table in the reference's cells. `event_time`: as it was fitted. Raises EvertrainError."""
        features = [Column(name=each.name, kind=each.kind) for each in self.stored.features]
        parts = _table(table, "the table", event_time, None).parts(features)
        return merge([self.stored.empty_sketch, *(self.stored.sketch(part) for part in parts)])

    def judge(
        self,
        sketch: Sketch,
        *,
        rule: str = DriftRule.CALIBRATED,
        psi_threshold: float = PSI_THRESHOLD,
        minimum_rows: int = DriftPolicy().minimum_rows,
    ) -> Drift:
        """As of `drift`."""
        policy = DriftPolicy(rule=DriftRule(rule), psi_threshold=psi_threshold, minimum_rows=minimum_rows)
        return Drift(
            DriftPage(
                title="A sketch against its reference",
                before="the reference",
                after="the sketch",
                findings=judge(self.stored, sketch, policy=policy),
                reference=self.stored,
                sketch=sketch,
            )
        )


def _table(
    given: Table,
    name: str,
    event_time: str | None,
    kinds: Mapping[str, str] | None,
    *,
    file_format: FileFormat = UNDECLARED,
    written_like: UndeclaredTable | None = None,
) -> UndeclaredTable:
    declared = {column: FeatureKind(kind) for column, kind in (kinds or {}).items()}
    found = path_or_table(given, name)
    if isinstance(found, str):
        return tabular_file(found, event_time, declared, file_format=file_format, written_like=written_like)
    return table_in_memory(name, found, event_time, declared, file_format=file_format, written_like=written_like)


def _name(given: Table, name: str) -> str:
    return place_name(given) if isinstance(given, str | PathLike) else name
