"""Blocks of training rows are as large as the batches that are judged."""

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pytest

from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.policies import DriftPolicy
from evertrain.statistics.blocks import batch_blocks, rows_of_blocks
from evertrain.statistics.reference import build_reference
from evertrain.statistics.verdict import judge

DAY = timedelta(days=1)


def times(days: int, a_day: int) -> npt.NDArray[np.datetime64]:
    seconds = np.arange(days * a_day) * 86_400 // a_day
    return np.datetime64("2024-01-01") + seconds.astype("timedelta64[s]")


def sizes(blocks: npt.NDArray[np.int64]) -> set[int]:
    return {len(rows) for rows in rows_of_blocks(blocks)}


@pytest.mark.parametrize(
    ("batch_length", "expected"),
    [(DAY, {48}), (DAY / 2, {24}), (7 * DAY, {7 * 48}), (None, {96})],
    ids=["a day", "half a day", "a week", "unknown: some hundred rows"],
)
def test_a_block_is_about_as_long_as_a_batch(batch_length: timedelta | None, expected: set[int]) -> None:
    assert sizes(batch_blocks(times(70, 48), batch_length=batch_length)) == expected


def test_one_large_file_does_not_make_one_block_of_all_rows() -> None:
    assert sizes(batch_blocks(times(70, 200), batch_length=70 * DAY)) == {200}


def test_a_last_block_with_few_rows_is_left_out() -> None:
    blocks = batch_blocks(times(22, 50), batch_length=2 * DAY)
    assert sizes(blocks) == {100}
    assert sizes(np.append(blocks, blocks.max() + 1)) == {100}


def test_no_rows_have_no_blocks() -> None:
    assert rows_of_blocks(batch_blocks(times(0, 1), batch_length=DAY)) == []


def test_batches_of_few_rows_have_limits_of_their_own() -> None:
    """A level that wanders from day to day: days of 50 rows raise no alarm, and a change beyond them does."""

    def days(count: int, seed: int, moved: float = 0.0) -> npt.NDArray[np.float64]:
        rng = np.random.default_rng(seed)
        return np.concatenate([rng.normal(rng.normal(moved, 1), 1, 50) for _ in range(count)])

    column = Column(name="x", kind=FeatureKind.NUMERIC)
    reference = build_reference(
        {"x": days(40, 0)}, [column], blocks=batch_blocks(times(40, 50)[: 40 * 50], batch_length=DAY)
    )
    policy = DriftPolicy(minimum_rows=30)
    usual = [judge(reference, reference.sketch({"x": days(1, seed)}), policy=policy).status for seed in range(1, 101)]
    assert usual.count("drifted") <= 5
    assert judge(reference, reference.sketch({"x": days(1, 1, moved=8)}), policy=policy).status == "drifted"
