"""What one step of a large object's check leaves, the next one finds."""

import numpy as np
import pytest

from evertrain.adapters.aws.artifacts import S3ArtifactStore
from evertrain.adapters.landing.parts import S3PartStore
from evertrain.domain.landing.batches import LandedObject
from evertrain.domain.landing.large_batches import BatchSplit, CheckedPart, PinnedReference, RowGroupRange
from evertrain.ports.parts import PartMissing, PartStore
from tests.builders.batches import FEATURES, a_batch
from tests.builders.models import NOW
from tests.fakes.parts import FakePartStore

SPLIT = BatchSplit(
    batch_id="b1",
    feed=FEATURES,
    landed=LandedObject(bucket="landing", key="features/trips/1.parquet"),
    size=1_000,
    footer_offset=900,
    known_at=NOW,
    pinned={"trips": PinnedReference(version="v1", reference_uri="s3://artifacts/references/1")},
    parts=(RowGroupRange(first=0, end=2, offset=4, length=600, rows_before=0),),
)
PART = CheckedPart(file=a_batch().files[0], missing={"wind": 3})
KEYS = np.array([1, 2**64 - 1], dtype=np.uint64)


@pytest.fixture(params=["fake", "s3"])
def parts(request: pytest.FixtureRequest) -> PartStore:
    if request.param == "fake":
        return FakePartStore()
    client = request.getfixturevalue("aws").client("s3")
    client.create_bucket(Bucket="artifacts")
    return S3PartStore(artifacts=S3ArtifactStore(client=client, bucket="artifacts"), root="s3://artifacts")


def test_a_split_is_found_by_its_uri(parts: PartStore) -> None:
    assert parts.split(parts.put_split(SPLIT)) == SPLIT


def test_a_part_is_found_with_its_sketches_and_keys(parts: PartStore) -> None:
    parts.put(SPLIT, 0, PART, sketches={"trips": b"counts"}, keys=KEYS)
    assert parts.part(SPLIT, 0) == PART
    assert parts.sketch(SPLIT, 0, "trips") == b"counts"
    assert parts.sketch(SPLIT, 0, "boats") is None
    assert parts.keys(SPLIT, 0).tolist() == [1, 2**64 - 1]


def test_a_part_that_was_not_checked_is_told(parts: PartStore) -> None:
    with pytest.raises(PartMissing, match="part 3 of batch b1 has not been checked"):
        parts.part(SPLIT, 3)


def test_a_repeated_step_replaces_its_own(parts: PartStore) -> None:
    parts.put(SPLIT, 0, PART, sketches={}, keys=KEYS)
    parts.put(SPLIT, 0, CheckedPart(file=None), sketches={}, keys=KEYS[:1])
    assert parts.part(SPLIT, 0).file is None
    assert len(parts.keys(SPLIT, 0)) == 1
