"""A batch that is checked in parts is the same batch as one that is checked at once."""

import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evertrain.domain.landing.batches import Batch, LandedObject, Quarantine
from evertrain.domain.monitoring.drift import DriftStatus, DriftVerdict
from evertrain.domain.project.feature_group import BatchSize
from evertrain.domain.project.model import Project
from evertrain.ports.batches import ObjectGone
from evertrain.ports.parts import PartMissing
from evertrain.statistics.reference import Reference
from tests.builders.batches import FEATURES
from tests.builders.landed import features_frame
from tests.builders.models import a_group, a_model
from tests.builders.monitoring import Monitor, a_reference

PROJECT = Project(groups={"trips": a_group()}, models={"trips": a_model()})
ROWS, GROUP = 3_000, 400
"""Rows of a file, and of each of its row groups: eight, the last of 200."""


@pytest.fixture(scope="module")
def reference() -> Reference:
    return a_reference(rows=5_000)


@dataclass
class Loop(Monitor):
    def land_in_parts(
        self, body: bytes, *, key: str = "features/trips/1.parquet", part_bytes: int = 1
    ) -> Batch | Quarantine:
        """As the state machine does."""
        check = self.check_large(part_bytes=part_bytes)
        split = check.split(self.put(body, key=key))
        if not isinstance(split, tuple):
            return split
        uri, cut = split
        for index in reversed(range(len(cut.parts))):  # in any order
            check.check_part(uri, index)
        return check.finish(uri)

    def verdict(self, batch: Batch) -> DriftVerdict:
        (verdict,) = self.batches.batch_verdicts(FEATURES, batch.batch_id)
        return verdict


@pytest.fixture
def loop(reference: Reference) -> Loop:
    loop = Loop(project=PROJECT, load_reference=lambda uri: reference)
    loop.promote_champion()
    return loop


def grouped(frame: pd.DataFrame | None = None, *, rows: int = ROWS, **changes: Any) -> bytes:
    frame = features_frame(rows=rows, **changes) if frame is None else frame
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), file, row_group_size=GROUP)
    return file.getvalue()


def test_the_batch_the_rows_and_the_verdict_are_those_of_one_function(loop: Loop, reference: Reference) -> None:
    whole = Loop(project=PROJECT, load_reference=lambda uri: reference)
    whole.promote_champion()
    once, parts = whole.land(grouped()), loop.land_in_parts(grouped())
    assert isinstance(once, Batch)
    assert isinstance(parts, Batch)
    assert len(parts.files) == 8
    assert replace(parts, files=once.files) == once
    assert loop.verdict(parts) == whole.verdict(once)
    sketch = {"model": "trips", "version": "v1", "batch_id": once.batch_id}
    assert loop.records.find_sketch(**sketch) == whole.records.find_sketch(**sketch)
    assert loop.bus.published == whole.bus.published
    assert stored_rows(loop, parts) == stored_rows(whole, once)


def stored_rows(loop: Loop, batch: Batch) -> list[dict[str, Any]]:
    files = [pq.read_table(io.BytesIO(loop.files.files[FEATURES, file.path])) for file in batch.files]
    return sorted(pa.concat_tables(files).to_pylist(), key=lambda row: str(row["trip_id"]))


def test_parts_are_cut_by_bytes(loop: Loop) -> None:
    body = grouped()
    found = loop.land_in_parts(body, part_bytes=len(body) // 2)
    assert isinstance(found, Batch)
    assert [file.rows for file in found.files] == [2_000, 1_000]


def test_drift_is_found_in_the_sum(loop: Loop) -> None:
    found = loop.land_in_parts(grouped(rows=400, carrier="AA"))
    assert isinstance(found, Batch)
    assert loop.verdict(found).status is DriftStatus.DRIFTED
    assert "FeatureDriftDetected" in loop.bus.names()


def test_a_batch_that_is_known_is_not_checked_again(loop: Loop) -> None:
    first = loop.land_in_parts(grouped())
    told = list(loop.bus.published)
    assert loop.land_in_parts(grouped(), key="features/trips/the-same-again.parquet") == first
    assert loop.bus.published == told


def test_every_step_may_be_repeated(loop: Loop) -> None:
    check = loop.check_large()
    split = check.split(loop.put(grouped(), key="features/trips/1.parquet"))
    assert isinstance(split, tuple)
    uri, cut = split
    for index in (*range(len(cut.parts)), 3, 0):
        check.check_part(uri, index)
    assert check.finish(uri) == check.finish(uri)
    assert loop.bus.names() == ["FeatureBatchAccepted", "FeatureBatchChecked"]


def test_before_every_part_was_checked_nothing_is_accepted(loop: Loop) -> None:
    check = loop.check_large()
    split = check.split(loop.put(grouped(), key="features/trips/1.parquet"))
    assert isinstance(split, tuple)
    check.check_part(split[0], 0)
    with pytest.raises(PartMissing, match="part 1 of batch"):
        check.finish(split[0])
    assert not loop.bus.published


def test_all_parts_are_compared_with_the_champion_of_the_beginning(loop: Loop) -> None:
    check = loop.check_large()
    split = check.split(loop.put(grouped(), key="features/trips/1.parquet"))
    assert isinstance(split, tuple)
    uri, cut = split
    loop.promote_champion("v2", expected_champion="v1")
    for index in range(len(cut.parts)):
        check.check_part(uri, index)
    found = check.finish(uri)
    assert isinstance(found, Batch)
    assert loop.verdict(found).reference_version == "v1"


def codes(found: Batch | Quarantine) -> list[tuple[str, str]]:
    assert isinstance(found, Quarantine)
    assert found.object_uri
    return [(fault.code, fault.column) for fault in found.faults]


def test_a_fault_in_one_part_sets_the_whole_aside_and_says_where(loop: Loop) -> None:
    distance = np.full(ROWS, 500.0)
    distance[2_500] = -1
    found = loop.land_in_parts(grouped(distance=distance))
    assert codes(found) == [("out_of_range", "distance")]
    assert isinstance(found, Quarantine)
    assert "(rows from 2,401 on)" in found.faults[0].message
    assert loop.bus.names() == ["FeatureBatchQuarantined"]


def test_rows_that_are_there_twice_in_different_parts_are_found(loop: Loop) -> None:
    frame = features_frame(rows=ROWS)
    frame.loc[2_900, ["trip_id", "departed_at"]] = frame.loc[10, ["trip_id", "departed_at"]]
    assert codes(loop.land_in_parts(grouped(frame))) == [("duplicate_rows", "trip_id")]


def test_the_same_label_in_different_parts_is_borne_and_another_one_is_found(loop: Loop) -> None:
    labels = features_frame(rows=ROWS)[["trip_id", "departed_at"]].assign(late=0.0)
    key = "labels/trips/1.parquet"
    repeated = pd.concat([labels, labels.head(9)], ignore_index=True)
    assert isinstance(loop.land_in_parts(grouped(repeated), key=key), Batch)
    repeated.loc[ROWS:, "late"] = 1.0
    assert codes(loop.land_in_parts(grouped(repeated), key=key)) == [("contradicting_labels", "late")]


def test_what_only_the_whole_shows_is_looked_at(loop: Loop) -> None:
    group = replace(a_group(), batch=BatchSize(minimum_rows=ROWS + 1))
    loop.project = Project(groups={"trips": group}, models={"trips": replace(a_model(), group=group)})
    assert codes(loop.land_in_parts(grouped())) == [("too_few_rows", "")]


def test_a_column_of_zeros_in_all_parts_is_a_fault_of_the_feed(loop: Loop) -> None:
    assert ("constant", "distance") in codes(loop.land_in_parts(grouped(distance=0.0)))


@pytest.mark.parametrize("body", [b"PAR1 and no more", grouped()[:-9], b"PAR1" + b"\xff" * 50 + b"PAR1"])
def test_a_file_that_ends_in_its_middle_is_set_aside(loop: Loop, body: bytes) -> None:
    assert codes(loop.land_in_parts(body)) == [("unparsable", "")]


def test_a_feed_that_nobody_declared_is_told(loop: Loop) -> None:
    assert codes(loop.land_in_parts(grouped(), key="features/boats/1.parquet")) == [("unknown_feed", "")]


def test_a_file_without_rows_is_told(loop: Loop) -> None:
    file = io.BytesIO()
    schema = pa.schema([pa.field("trip_id", pa.string())])
    pq.ParquetWriter(file, schema).close()
    assert codes(loop.land_in_parts(file.getvalue())) == [("no_rows", "")]


@pytest.mark.parametrize(
    ("key", "body", "max_bytes", "needs_splitting"),
    [
        ("features/trips/1.parquet", b"PAR1" + b"x" * 100, 100, True),
        ("labels/trips/1.parquet", b"PAR1" + b"x" * 100, 100, True),
        ("features/trips/1.parquet", b"PAR1" + b"x" * 96, 100, False),
        ("features/trips/1.csv", b"trip" + b"x" * 100, 100, False),
        ("predictions/trips/1.parquet", b"PAR1" + b"x" * 100, 100, False),
        ("notes.txt", b"PAR1" + b"x" * 100, 100, False),
    ],
)
def test_what_is_large_and_can_be_cut_is_taken(
    loop: Loop, key: str, body: bytes, max_bytes: int, needs_splitting: bool
) -> None:
    assert loop.check_large(max_bytes=max_bytes).needs_splitting(loop.put(body, key=key)) is needs_splitting


def test_an_object_that_is_gone_is_told(loop: Loop) -> None:
    with pytest.raises(ObjectGone):
        loop.check_large().needs_splitting(LandedObject(bucket="landing", key="features/trips/gone.parquet"))
