"""A landed object too large for one function: cut between row groups, checked in parts by many, judged as one.

Three steps, each of which may be repeated: `split`, `check_part` for each part, `finish`. The batch is the same as if
one function had checked it: its id comes from the content, and it is accepted as a whole or not at all.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from evertrain.domain.deployment.prefixes import BATCH_FILE_PREFIX
from evertrain.domain.landing.batches import Batch, Fault, Feed, FeedKind, LandedObject, Quarantine
from evertrain.domain.landing.large_batches import BatchSplit, CheckedPart
from evertrain.domain.project.model import Project
from evertrain.ports.batch_reader import BatchRejected, LargeBatchReader
from evertrain.ports.batches import BatchLog, LandingZone, QuarantineStore
from evertrain.ports.clock import Clock
from evertrain.ports.feature_store import BatchFiles, TableStates
from evertrain.ports.parts import PartStore
from evertrain.statistics.sketch import InvalidSketch, LayoutMismatch, Sketch, merge
from evertrain.use_cases.landing.check_batch import (
    ingestion_time,
    parse_feed,
    require_compatible_schema,
    require_feed,
    store_rows,
)
from evertrain.use_cases.landing.record_batch import RecordBatch
from evertrain.use_cases.monitoring.compare_batch import CompareBatch

logger = logging.getLogger(__name__)

_PARQUET_TAIL_BYTES = 8
"""Bytes at the end of a Parquet file: the length of its footer, and a mark."""

SPLIT_KINDS = (FeedKind.FEATURES, FeedKind.LABELS)
"""Files of predictions are made by the minute: they are small."""


@dataclass(frozen=True, kw_only=True)
class CheckLargeBatch:
    """`max_bytes`: what one function checks alone. `part_bytes`: what a part of a larger object has, about."""

    project: Project
    landing: LandingZone
    reader: LargeBatchReader
    files: BatchFiles
    quarantine: QuarantineStore
    batches: BatchLog
    tables: TableStates
    parts: PartStore
    compare: CompareBatch
    record: RecordBatch
    clock: Clock
    max_bytes: int
    part_bytes: int

    def needs_splitting(self, landed: LandedObject) -> bool:
        """Whether the object is to be checked in parts: large, and a Parquet file. Raises ObjectGone."""
        feed = parse_feed(landed.key)
        if feed is None or feed.kind not in SPLIT_KINDS or self.landing.size(landed) <= self.max_bytes:
            return False
        with self.landing.read_ranges(landed, (0, 4)) as body:
            return body.read(4) == b"PAR1"

    def split(self, landed: LandedObject) -> tuple[str, BatchSplit] | Batch | Quarantine:
        """Where the split is written down; or what became of the object, where that is known already."""
        feed = parse_feed(landed.key)
        batch_id = self._batch_id(feed, landed)
        result = self.batches.find(feed, batch_id)
        if result is not None:
            self.record.announce(result)
            return result
        now = self.clock.now()
        try:
            known = require_feed(self.project, feed, landed.key)
            require_compatible_schema(self.project, known, self.tables)
            size, footer_offset = self._footer(landed)
            with self.landing.read_ranges(landed, (footer_offset, size - footer_offset)) as body:
                parts = self.reader.split(body, name=landed.key, part_bytes=self.part_bytes)
            if not parts:
                raise BatchRejected([Fault(code="no_rows", message=f"{landed.key} has no rows")])
        except BatchRejected as rejected:
            return self._quarantine(landed, feed, batch_id, rejected)
        split = BatchSplit(
            batch_id=batch_id,
            feed=known,
            landed=landed,
            size=size,
            footer_offset=footer_offset,
            known_at=ingestion_time(self.landing, landed, now=now),
            pinned=self.compare.pin_references(known),
            parts=parts,
        )
        return self.parts.put_split(split), split

    def check_part(self, uri: str, index: int) -> CheckedPart:
        """A part is normalised and sketched like a batch of its own, and its file waits for the others."""
        split = self.parts.split(uri)
        groups = split.parts[index]
        ranges = ((groups.offset, groups.length), (split.footer_offset, split.size - split.footer_offset))
        try:
            with (
                self.landing.read_ranges(split.landed, *ranges) as body,
                self.reader.read_part(
                    body,
                    name=split.landed.key,
                    feed=split.feed,
                    now=self.clock.now(),
                    known_at=split.known_at,
                    groups=groups,
                ) as rows,
            ):
                sketches = self.compare.sketches(split.feed, split.pinned, rows)
                file = store_rows(
                    self.files, split.feed, f"{BATCH_FILE_PREFIX}{split.batch_id}-{index:05d}.parquet", rows
                )
                part = CheckedPart(file=file, missing=dict(rows.missing))
                of_models = {model: sketch.to_bytes() for model, sketch in sketches.items()}
                self.parts.put(split, index, part, sketches=of_models, keys=rows.keys)
        except BatchRejected as rejected:
            part = CheckedPart(file=None, faults=rejected.faults)
            self.parts.put(split, index, part, sketches={}, keys=np.empty(0, dtype=np.uint64))
        return part

    def finish(self, uri: str) -> Batch | Quarantine:
        """Once every part was checked. Raises PartMissing."""
        split = self.parts.split(uri)
        result = self.batches.find(split.feed, split.batch_id) or self._finish(split)
        self.record.announce(result)
        return result

    def _finish(self, split: BatchSplit) -> Batch | Quarantine:
        parts = [self.parts.part(split, index) for index in range(len(split.parts))]
        try:
            self._require_no_faults(split, parts)
            files = [part.file for part in parts if part.file is not None]
            sketches = self._sketches(split)
            batch_start = min(file.event_time_min for file in files)
            comparisons = self.compare.compare(split.feed, split.pinned, sketches, batch_start=batch_start)
            self.record.require_no_fault(split.feed, split.batch_id, comparisons)
        except BatchRejected as rejected:
            return self._quarantine(split.landed, split.feed, split.batch_id, rejected)
        return self.record.accept(split.landed, split.feed, split.batch_id, files, comparisons, now=self.clock.now())

    def _require_no_faults(self, split: BatchSplit, parts: list[CheckedPart]) -> None:
        """Raises BatchRejected: with the faults of the first part that has any, or with those of the whole."""
        faults = next((part.faults for part in parts if part.faults), ())
        if not faults:
            missing = _sum_counts(part.missing for part in parts)
            faults = tuple(
                self.reader.whole_file_faults(
                    split.feed,
                    count=sum(part.file.rows for part in parts if part.file is not None),
                    missing=missing,
                    keys=np.concatenate([self.parts.keys(split, index) for index in range(len(parts))]),
                )
            )
        if faults:
            raise BatchRejected(faults)

    def _sketches(self, split: BatchSplit) -> Mapping[str, Sketch]:
        """By model, of all parts; none for a model of which a part has none."""
        result = {}
        for model in split.pinned:
            kept = [self.parts.sketch(split, index, model) for index in range(len(split.parts))]
            whole = [data for data in kept if data is not None]
            if len(whole) < len(kept):
                continue
            try:
                result[model] = merge([Sketch.from_bytes(data) for data in whole])
            except (InvalidSketch, LayoutMismatch):
                logger.exception("parts_not_merged model=%s batch=%s", model, split.batch_id)
        return result

    def _quarantine(
        self, landed: LandedObject, feed: Feed | None, batch_id: str, rejected: BatchRejected
    ) -> Quarantine:
        quarantine = self.record.quarantine(
            landed,
            feed,
            batch_id,
            rejected.faults,
            now=self.clock.now(),
            copy=lambda quarantine: self.quarantine.copy(quarantine, landed),
        )
        self.record.announce(quarantine)
        return quarantine

    def _batch_id(self, feed: Feed | None, landed: LandedObject) -> str:
        """As `compute_batch_id` makes it."""
        digest = sha256(f"{feed or ''}\n".encode())
        for chunk in self.landing.chunks(landed):
            digest.update(chunk)
        return digest.hexdigest()[:32]

    def _footer(self, landed: LandedObject) -> tuple[int, int]:
        """The object's size, and where the footer begins."""
        size = self.landing.size(landed)
        with self.landing.read_ranges(landed, (size - _PARQUET_TAIL_BYTES, _PARQUET_TAIL_BYTES)) as body:
            body.seek(size - _PARQUET_TAIL_BYTES)
            length = int.from_bytes(body.read(4), "little")
        # A file that ends in its middle has any number there: whoever reads the footer says so.
        return size, max(0, size - _PARQUET_TAIL_BYTES - length)


def _sum_counts(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total
