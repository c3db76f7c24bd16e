"""Keeps the sketch of what was judged, and finds it again: what can be used of it, for it may be old or damaged."""

import logging
from dataclasses import replace
from hashlib import sha256

from evertrain.domain.monitoring.drift import DriftVerdict
from evertrain.ports.drift_records import DriftRecords
from evertrain.reports.drift_page import DriftPage
from evertrain.statistics.reference import Reference
from evertrain.statistics.sketch import InvalidSketch, Sketch

logger = logging.getLogger(__name__)


def keep(records: DriftRecords, verdict: DriftVerdict, sketch: Sketch, *, page: DriftPage) -> DriftVerdict:
    """The verdict, which names the kept sketch by its digest."""
    data = sketch.to_bytes()
    verdict = replace(verdict, sketch_sha256=sha256(data).hexdigest())
    records.save(verdict, sketch=data, page=page.render)
    return verdict


def find_sketch_of(records: DriftRecords, reference: Reference, verdict: DriftVerdict) -> Sketch | None:
    """Of what was judged, which is the reference's own version; None as below."""
    return find_usable_sketch(
        records,
        reference,
        model=verdict.model,
        version=verdict.reference_version,
        batch_id=verdict.batch_id,
        expected_sha256=verdict.sketch_sha256,
    )


def find_usable_sketch(
    records: DriftRecords,
    reference: Reference,
    *,
    model: str,
    version: str,
    batch_id: str,
    expected_sha256: str | None = None,
) -> Sketch | None:
    """None where none was kept, or one that is in another format, of other cells than the reference's, or not the
    one that was written. Why is in the log."""
    data = records.find_sketch(model=model, version=version, batch_id=batch_id)
    if data is None:
        return None
    try:
        if expected_sha256 and sha256(data).hexdigest() != expected_sha256:
            raise InvalidSketch("its bytes are not the ones that were kept")
        sketch = Sketch.from_bytes(data)
        if sketch.layout_digest != reference.layout_digest:
            raise InvalidSketch(f"it counts the cells of reference {sketch.layout_digest[:8]}")
    except InvalidSketch as error:
        logger.warning("sketch_unusable model=%s version=%s batch=%s error=%s", model, version, batch_id, error)
        return None
    return sketch
