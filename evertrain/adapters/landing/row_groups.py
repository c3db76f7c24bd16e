"""Cuts a Parquet file between its row groups, which can be read apart."""

import pyarrow.parquet as pq

from evertrain.domain.landing.large_batches import RowGroupRange


def split_row_groups(footer: pq.FileMetaData, *, part_bytes: int) -> tuple[RowGroupRange, ...]:
    """Consecutive row groups of about so many bytes together, at least one each."""
    parts: list[RowGroupRange] = []
    first, rows_before, rows = 0, 0, 0
    begin: int | None = None
    for group in range(footer.num_row_groups):
        start, stop = _byte_range(footer.row_group(group))
        begin = start if begin is None else min(begin, start)
        rows += footer.row_group(group).num_rows
        if stop - begin >= part_bytes or group + 1 == footer.num_row_groups:
            parts.append(
                RowGroupRange(first=first, end=group + 1, offset=begin, length=stop - begin, rows_before=rows_before)
            )
            first, rows_before, rows, begin = group + 1, rows_before + rows, 0, None
    return tuple(parts)


def _byte_range(group: pq.RowGroupMetaData) -> tuple[int, int]:
    """Where its column chunks begin and end."""
    chunks = [group.column(index) for index in range(group.num_columns)]
    starts = [
        min(chunk.data_page_offset, chunk.dictionary_page_offset)
        if chunk.has_dictionary_page
        else chunk.data_page_offset
        for chunk in chunks
    ]
    return min(starts), max(start + chunk.total_compressed_size for start, chunk in zip(starts, chunks, strict=True))
