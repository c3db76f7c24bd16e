"""A landed object is accepted or set aside, once, whatever its events do."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest

from evertrain.adapters.landing.prediction_files import prediction_file
from evertrain.adapters.memory.batches import InMemoryBatchLog
from evertrain.adapters.memory.drift_records import InMemoryDriftRecords
from evertrain.adapters.memory.messages import InMemoryEventBus
from evertrain.domain.events import Event, EventName
from evertrain.domain.landing.batches import Batch, FaultStanding, Feed, FeedKind, LandedObject, Quarantine
from evertrain.domain.monitoring.drift import DriftStatus
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.model import Project
from evertrain.ports.artifacts import ArtifactDigestMismatch, ArtifactNotFound
from evertrain.ports.batches import ObjectGone
from evertrain.statistics.reference import InvalidReference, Reference, build_reference
from evertrain.statistics.sketch import Sketch
from evertrain.use_cases.landing.accept_batch import AcceptBatch, NothingToAccept
from evertrain.use_cases.landing.doubted_batches import DoubtedBatches
from evertrain.use_cases.landing.release_batch import NotReleasable, ReleaseBatch
from evertrain.use_cases.monitoring import compare_batch
from tests.builders.batches import FEATURES, LABELS
from tests.builders.landed import features_frame, landed_features, landed_labels, parquet
from tests.builders.models import NOW, a_champion, a_group, a_model, days, labels_table
from tests.builders.monitoring import Monitor, a_reference
from tests.builders.predictions import answered
from tests.builders.registry import a_version

PROJECT = Project(groups={"trips": a_group()}, models={"trips": a_model(), "trip_length": a_model("trip_length")})


def twice(body: bytes, **changes: object) -> bytes:
    """The rows, and all of them once more with other values."""
    frame = pd.read_parquet(io.BytesIO(body))
    return parquet(pd.concat([frame, frame.assign(**changes)]))


@dataclass
class Loop(Monitor):
    project: Project = PROJECT
    load_reference: Callable[[str], Reference] = field(init=False)
    loaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.load_reference = self._load_reference

    def announce(self, landed: LandedObject) -> Batch | Quarantine:
        return self.check.run(landed)

    def _load_reference(self, uri: str) -> Reference:
        self.loaded.append(uri)
        return a_reference()

    def release(self, quarantine: Quarantine) -> Quarantine:
        return ReleaseBatch(batches=self.batches, land_again=self._land_again).run(quarantine.batch_id[:8])

    def _land_again(self, quarantine: Quarantine) -> None:
        _, body = self.quarantine.kept[quarantine.object_uri]
        self.put(body, key=quarantine.source_key)


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_a_good_batch_is_kept_recorded_and_told(loop: Loop) -> None:
    found = loop.land(landed_features(rows=300))
    assert isinstance(found, Batch)
    assert loop.batches.find(FEATURES, found.batch_id) == found
    assert list(loop.files.files) == [(FEATURES, found.files[0].path)]
    assert loop.bus.names() == ["FeatureBatchAccepted", "FeatureBatchChecked", "FeatureBatchChecked"]


def test_before_there_is_a_champion_the_verdict_says_so(loop: Loop) -> None:
    found = loop.land(landed_features(rows=300))
    verdicts = loop.batches.batch_verdicts(FEATURES, found.batch_id)
    assert {verdict.status for verdict in verdicts} == {DriftStatus.NO_REFERENCE}


def test_a_batch_is_compared_with_the_champion_s_own_reference(loop: Loop) -> None:
    loop.promote_champion()
    found = loop.land(landed_features(rows=600))
    (verdict,) = [v for v in loop.batches.batch_verdicts(FEATURES, found.batch_id) if v.model == "trips"]
    assert verdict.status is DriftStatus.STABLE
    assert verdict.reference_version == "v1"
    assert set(loop.loaded) == {a_champion().reference_uri}


def test_a_reference_with_a_column_that_the_group_lost_is_none(loop: Loop) -> None:
    loop.promote_champion()
    gone = Column(name="altitude", kind=FeatureKind.NUMERIC)
    rows = {"altitude": np.arange(500.0)}
    loop.load_reference = lambda uri: build_reference(rows, [gone])
    found = loop.land(landed_features(rows=300))
    (verdict,) = [v for v in loop.batches.batch_verdicts(FEATURES, found.batch_id) if v.model == "trips"]
    assert verdict.status is DriftStatus.NO_REFERENCE


def test_a_reference_of_an_earlier_format_stops_no_batch(loop: Loop) -> None:
    def refuse(uri: str) -> Reference:
        raise InvalidReference(f"{uri} is of format 2")

    loop.promote_champion()
    loop.load_reference = refuse
    found = loop.land(landed_features(rows=300))
    assert isinstance(found, Batch)
    (verdict,) = [v for v in loop.batches.batch_verdicts(FEATURES, found.batch_id) if v.model == "trips"]
    assert (verdict.status, verdict.reference_version) == (DriftStatus.NO_REFERENCE, "v1")


def test_a_sketch_of_an_earlier_format_is_no_batch_before(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.promote_champion()
    loop.land(landed_features(day=1, rows=200))
    monkeypatch.setattr(InMemoryDriftRecords, "find_sketch", lambda self, **_: b"of another time")
    assert isinstance(loop.land(landed_features(day=2, rows=200)), Batch)


# --- one model's trouble stays its own ----------------------------------------------------------


def _altered(reference: Reference) -> Reference:
    """Whole, but its cells are others than those that it says it counted in."""
    feature = reference.features[0]
    shorter = replace(feature.baseline.sketch, counts=feature.baseline.sketch.counts[:3])
    broken = replace(feature, baseline=replace(feature.baseline, sketch=shorter))
    return replace(reference, features=(broken, *reference.features[1:]))


REFERENCE_TROUBLES: dict[str, Callable[[], Reference]] = {
    "missing": lambda: _raise(ArtifactNotFound("s3://artifacts/references/trips/1.reference is not there")),
    "swapped": lambda: _raise(ArtifactDigestMismatch("s3://artifacts/references/trips/1.reference has the digest 0")),
    "garbage": lambda: Reference.from_bytes(b"garbage"),
    "of another group": lambda: build_reference(
        {"altitude": np.arange(500.0)}, [Column(name="altitude", kind=FeatureKind.NUMERIC)]
    ),
    "of another kind": lambda: build_reference(
        {"carrier": np.arange(500.0)}, [Column(name="carrier", kind=FeatureKind.NUMERIC)]
    ),
    "whole, and wrong within": lambda: _altered(a_reference()),
}


def _raise(error: Exception) -> Reference:
    raise error


@pytest.mark.parametrize("trouble", REFERENCE_TROUBLES)
def test_a_reference_that_cannot_be_used_is_told_and_stops_nobody_else(loop: Loop, trouble: str) -> None:
    for model in ("trips", "trip_length"):
        its_own = {"model": model, "reference_uri": f"s3://artifacts/{model}"}
        loop.registry.register(replace(a_version("v1"), **its_own))
        loop.registry.promote(replace(a_champion(), **its_own), expected_champion=None)
    loop.load_reference = lambda uri: (
        REFERENCE_TROUBLES[trouble]() if uri == "s3://artifacts/trips" else a_reference()
    )
    for day in (1, 2):
        found = loop.land(landed_features(rows=600, day=day))
        assert isinstance(found, Batch)
        by_model = {each.model: each for each in loop.batches.batch_verdicts(FEATURES, found.batch_id)}
        assert by_model["trip_length"].status is DriftStatus.STABLE
        assert by_model["trips"].status is DriftStatus.NO_REFERENCE
        assert by_model["trips"].trouble.startswith("the reference of v1 can't be used: ")
    told = {event.detail["trouble"] for event in loop.bus.published if event.name is EventName.FEATURE_BATCH_CHECKED}
    assert told == {"", by_model["trips"].trouble}


@pytest.mark.parametrize("before", ["of another layout", "of another batch", "garbage", "gone"])
def test_a_kept_sketch_that_cannot_be_used_is_no_batch_before(loop: Loop, before: str) -> None:
    loop.promote_champion()
    first, other = (loop.land(landed_features(day=1, rows=rows)) for rows in (200, 250))
    replacements = {
        "of another layout": _other_reference().empty_sketch.to_bytes(),
        "of another batch": loop.records.kept["trips", "v1", other.batch_id],
        "garbage": b"garbage",
        "gone": None,
    }
    for batch in (first, other):
        loop.records.kept["trips", "v1", batch.batch_id] = replacements[before]  # type: ignore[assignment]
    found = loop.land(landed_features(day=2, rows=600))
    (verdict,) = [v for v in loop.batches.batch_verdicts(FEATURES, found.batch_id) if v.model == "trips"]
    assert (verdict.status, verdict.trouble) == (DriftStatus.STABLE, "")


def _other_reference() -> Reference:
    return build_reference({"wind": np.arange(90.0)}, [Column(name="wind", kind=FeatureKind.NUMERIC)])


def test_a_fault_of_the_cloud_is_tried_again_and_not_taken_for_a_broken_reference(loop: Loop) -> None:
    loop.promote_champion()
    loop.load_reference = lambda uri: _raise(ConnectionError("S3 is away"))
    with pytest.raises(ConnectionError):
        loop.land(landed_features(rows=300))
    loop.load_reference = loop._load_reference
    assert isinstance(loop.land(landed_features(rows=300)), Batch)


def test_drift_raises_an_event_of_its_own(loop: Loop) -> None:
    loop.promote_champion()
    loop.land(landed_features(rows=600, wind=90.0))
    assert loop.bus.names().count("FeatureDriftDetected") == 1
    event = next(event for event in loop.bus.published if event.name is EventName.FEATURE_DRIFT_DETECTED)
    assert event.detail["drifted_features"] == ["wind"]
    assert event.detail["model"] == "trips"


def test_labels_are_accepted_without_a_verdict(loop: Loop) -> None:
    loop.promote_champion()
    found = loop.land(landed_labels(), key="labels/trips/1.parquet")
    assert loop.batches.batch_verdicts(LABELS, found.batch_id) == []
    assert loop.bus.names() == ["LabelBatchAccepted"]


# --- set aside ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "body", "code", "event"),
    [
        ("features/trips/1.parquet", parquet(features_frame().drop(columns="wind")), "missing_column", "Feature"),
        ("features/trips/1.parquet", parquet(features_frame(distance="far")), "wrong_type", "Feature"),
        ("features/trips/1.parquet", b"no table", "unparsable", "Feature"),
        ("features/trips/1.parquet", parquet(features_frame().head(0)), "no_rows", "Feature"),
        (
            "features/trips/1.parquet",
            parquet(features_frame(trip_id="1", departed_at=NOW)),
            "duplicate_rows",
            "Feature",
        ),
        ("features/trips/1.parquet", landed_features(day=40), "future_event_time", "Feature"),
        ("features/boats/1.parquet", landed_features(), "unknown_feed", "Feature"),
        ("labels/boats/1.parquet", landed_labels(), "unknown_feed", "Label"),
        ("labels/trips/1.parquet", landed_labels(late=7.0), "out_of_range", "Label"),
        ("labels/trips/1.parquet", twice(landed_labels(), late=0.0), "contradicting_labels", "Label"),
        ("notes.txt", b"remember the milk", "unknown_feed", "Feature"),
        ("features/trips", landed_features(), "unknown_feed", "Feature"),
    ],
)
def test_a_bad_object_is_set_aside_with_its_reasons_and_nothing_else_changes(
    loop: Loop, key: str, body: bytes, code: str, event: str
) -> None:
    found = loop.land(body, key=key)
    assert isinstance(found, Quarantine)
    assert code in [fault.code for fault in found.faults]
    kept, kept_body = loop.quarantine.kept[found.object_uri]
    assert kept_body == body
    assert kept.faults == found.faults
    assert loop.bus.names() == [f"{event}BatchQuarantined"]
    assert loop.files.files == {}
    assert loop.batches.batches(FEATURES, limit=9) == []
    assert isinstance(loop.land(landed_features(), key="features/trips/later.parquet"), Batch)


@pytest.mark.parametrize(
    ("stored", "code", "told"),
    [
        (
            {"wind": FeatureKind.NUMERIC, "rain": FeatureKind.NUMERIC},
            "column_removed",
            "rain: the table features/trips has this column, features/trips.toml no longer declares it; "
            "declare it, or name a new group",
        ),
        (
            {"wind": FeatureKind.CATEGORICAL},
            "column_retyped",
            "wind: categorical in the table features/trips, numeric in features/trips.toml; "
            "give another type another name",
        ),
    ],
)
def test_a_column_that_is_declared_no_longer_or_otherwise_is_refused_by_name(
    loop: Loop, stored: dict[str, FeatureKind], code: str, told: str
) -> None:
    loop.tables.put(FEATURES, replace(labels_table(), columns=stored))
    found = loop.land(landed_features(rows=300))
    assert isinstance(found, Quarantine)
    assert [(fault.code, fault.message) for fault in found.faults] == [(code, told)]


def test_a_new_column_is_accepted_and_so_are_requests_without_one_that_the_model_dropped(loop: Loop) -> None:
    loop.tables.put(FEATURES, replace(labels_table(), columns={"wind": FeatureKind.NUMERIC}))
    assert isinstance(loop.land(landed_features(rows=300)), Batch)
    feed = Feed(kind=FeedKind.PREDICTIONS, name="trips")
    loop.tables.put(feed, replace(labels_table(), columns={"rain": FeatureKind.NUMERIC}))
    body = prediction_file(a_model(), [answered(20)])
    assert isinstance(loop.land(body, key="predictions/trips/1.parquet"), Batch)


def test_an_unknown_feed_is_told_with_the_known_ones(loop: Loop) -> None:
    found = loop.land(b"x", key="features/boats/1.parquet")
    assert isinstance(found, Quarantine)
    assert found.faults[0].message == (
        "features/boats/1.parquet is in no feed; known are features/trips/, labels/trip_length/, labels/trips/, "
        "predictions/trip_length/, predictions/trips/"
    )


# --- once ---------------------------------------------------------------------------------------


def test_the_same_object_landed_or_announced_again_has_one_effect(loop: Loop) -> None:
    first = loop.land(landed_features())
    told = loop.bus.names()
    loop.clock.moment = NOW.replace(hour=9)
    assert loop.land(landed_features()) == first
    assert loop.land(landed_features(), key="features/trips/another-name.parquet") == first
    assert loop.bus.names() == told
    assert len(loop.batches.batches(FEATURES, limit=9)) == 1


def test_a_quarantined_object_that_comes_again_is_counted_once(loop: Loop) -> None:
    loop.land(b"no table")
    loop.land(b"no table")
    assert loop.batches.consecutive_quarantines(FEATURES) == 1
    assert loop.bus.names() == ["FeatureBatchQuarantined"]


def test_what_was_recorded_but_not_told_is_told_at_the_next_delivery(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: InMemoryEventBus, events: list[Event]) -> None:
        raise ConnectionError("the bus is away")

    with monkeypatch.context() as broken:
        broken.setattr(InMemoryEventBus, "publish", fail)
        with pytest.raises(ConnectionError):
            loop.land(landed_features())
    assert loop.bus.names() == []
    loop.land(landed_features())
    assert loop.bus.names()[0] == "FeatureBatchAccepted"


def test_a_retry_keeps_the_time_of_the_first_attempt(loop: Loop) -> None:
    body = landed_features()
    first = loop.land(body)
    assert isinstance(first, Batch)
    loop.batches = InMemoryBatchLog()  # the first attempt ended before it was recorded
    loop.clock.moment = NOW.replace(hour=9)
    again = loop.land(body)
    assert isinstance(again, Batch)
    assert again.ingested_at == first.ingested_at == NOW


def test_an_object_that_is_gone_is_told_to_the_caller(loop: Loop) -> None:
    with pytest.raises(ObjectGone):
        loop.announce(LandedObject(bucket="landing", key="features/trips/gone.parquet"))
    assert loop.bus.published == []


def test_of_each_judged_batch_a_sketch_and_a_page_are_kept(loop: Loop) -> None:
    loop.promote_champion()
    batch = loop.land(landed_features(rows=300))
    assert isinstance(batch, Batch)
    (verdict,) = (v for v in loop.batches.batch_verdicts(batch.feed, batch.batch_id) if v.reference_version)
    kept = loop.records.find_sketch(model=verdict.model, version=verdict.reference_version, batch_id=verdict.batch_id)
    assert kept is not None
    assert Sketch.from_bytes(kept).rows == 300
    page = loop.records.pages[verdict.model, verdict.reference_version, batch.batch_id]
    assert "features/trips/1.parquet" in page
    assert page.count("<svg") == len(verdict.features)


# --- what only the comparison shows -------------------------------------------------------------

NO_WIND = landed_features(rows=300, wind=np.nan)


def test_a_batch_that_looks_like_the_feed_s_fault_is_set_aside_and_not_called_drift(loop: Loop) -> None:
    loop.promote_champion()
    found = loop.land(NO_WIND)
    assert isinstance(found, Quarantine)
    (fault,) = found.faults
    assert (fault.code, fault.column) == ("mostly_missing", "wind")
    assert loop.bus.names() == ["FeatureBatchQuarantined"]
    assert loop.files.files == {}
    assert loop.batches.consecutive_quarantines(FEATURES) == 1


def test_without_a_champion_there_is_nothing_to_accuse_a_batch_by(loop: Loop) -> None:
    assert isinstance(loop.land(NO_WIND), Batch)


def test_a_model_may_ask_for_its_batches_whatever_they_look_like(loop: Loop) -> None:
    loop.promote_champion()
    spec = PROJECT.models["trips"]
    lenient = replace(
        spec, triggers=replace(spec.triggers, drift=replace(spec.triggers.drift, quarantine_faults=False))
    )
    loop.project = replace(PROJECT, models={"trips": lenient})
    found = loop.land(NO_WIND)
    assert isinstance(found, Batch)
    (verdict,) = loop.batches.batch_verdicts(FEATURES, found.batch_id)
    assert [fault.code for fault in verdict.faults] == ["mostly_missing"]


def test_what_a_person_released_is_accepted_when_it_lands_again(loop: Loop) -> None:
    loop.promote_champion()
    quarantine = loop.land(NO_WIND)
    assert isinstance(quarantine, Quarantine)
    assert loop.land(NO_WIND) == quarantine
    assert loop.release(quarantine) == quarantine
    assert loop.release(quarantine) == quarantine  # asked twice, before it is landed again
    again = loop.announce(LandedObject(bucket="landing", key=quarantine.source_key))
    assert isinstance(again, Batch)
    assert again.batch_id == quarantine.batch_id
    assert loop.batches.consecutive_quarantines(FEATURES) == 0
    assert loop.bus.names().count("FeatureBatchAccepted") == 1
    assert loop.land(NO_WIND) == again
    with pytest.raises(NotReleasable, match="no batch in quarantine whose id begins with"):
        loop.release(quarantine)


def test_a_batch_that_is_wrong_by_itself_is_not_released(loop: Loop) -> None:
    quarantine = loop.land(b"no table")
    assert isinstance(quarantine, Quarantine)
    with pytest.raises(NotReleasable, match=r"would be set aside again: .* mend the file and land it anew"):
        loop.release(quarantine)


def test_a_unit_is_compared_with_the_batch_before(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The day before comes first, a later day is none before, and another champion's day is none."""
    loop.promote_champion()
    asked: list[Sequence[Sketch]] = []
    judged = compare_batch.judge
    monkeypatch.setattr(
        compare_batch,
        "judge",
        lambda *args, earlier, **options: asked.append(earlier) or judged(*args, earlier=earlier, **options),
    )
    for day, rows in ((1, 201), (2, 202), (9, 209), (3, 203)):
        loop.land(landed_features(day=day, rows=rows))
    assert [[sketch.rows for sketch in earlier] for earlier in asked] == [[], [201], [202, 201], [202, 201]]
    loop.registry.register(a_version("v2"))
    loop.registry.promote(a_champion(version="v2"), expected_champion="v1")
    loop.land(landed_features(day=4, rows=204))
    assert asked[-1] == []


def test_an_event_may_follow_the_beginning_of_its_object_s_upload_and_not_the_present(loop: Loop) -> None:
    """S3 tells when an upload began, which may take hours."""
    landed = loop.put(landed_features(rows=300, day=29), key="features/trips/slow.parquet")
    loop.landing.times[landed] = NOW - days(1)
    found = loop.announce(landed)
    assert isinstance(found, Batch)
    assert found.event_time_max > found.ingested_at == NOW - days(1)
    too_early = loop.land(landed_features(rows=300, day=31))
    assert isinstance(too_early, Quarantine)
    assert [fault.code for fault in too_early.faults] == ["future_event_time"]


# --- doubtful -----------------------------------------------------------------------------------


def mostly_without_wind(*, day: int) -> bytes:
    wind = np.where(np.arange(300) < 60, 5.0 + np.arange(300) % 7, np.nan)
    return landed_features(day=day, rows=300, wind=wind)


def standing_of(loop: Loop, batch: Batch | Quarantine) -> list[FaultStanding]:
    (verdict,) = [v for v in loop.batches.batch_verdicts(FEATURES, batch.batch_id) if v.model == "trips"]
    return [fault.standing for fault in verdict.faults]


def accepting(loop: Loop) -> AcceptBatch:
    return AcceptBatch(project=PROJECT, batches=loop.batches, clock=loop.clock, land_again=loop._land_again)


def doubted(loop: Loop) -> list[tuple[str, bool]]:
    found = DoubtedBatches(project=PROJECT, batches=loop.batches).run(limit=9)
    return [(each.batch_id, each.is_undecided) for each in found]


def test_a_doubtful_batch_is_accepted_and_settled_by_the_third_that_is_like_it(loop: Loop) -> None:
    loop.promote_champion()
    first, second, third = (loop.land(mostly_without_wind(day=day)) for day in (1, 2, 3))
    assert isinstance(first, Batch)
    assert standing_of(loop, first) == standing_of(loop, second) == [FaultStanding.DOUBTFUL]
    assert standing_of(loop, third) == [FaultStanding.SETTLED]
    assert doubted(loop) == [(second.batch_id, False), (first.batch_id, False)]


def test_a_doubtful_batch_among_good_ones_stays_undecided(loop: Loop) -> None:
    loop.promote_champion()
    loop.land(landed_features(day=1, rows=300))
    doubtful = loop.land(mostly_without_wind(day=2))
    loop.land(landed_features(day=3, rows=300))
    assert doubted(loop) == [(doubtful.batch_id, True)]


def test_a_person_s_word_covers_the_batch_and_later_ones_like_it(loop: Loop) -> None:
    loop.promote_champion()
    doubtful = loop.land(mostly_without_wind(day=2))
    accepted = accepting(loop).run(doubtful.batch_id[:8])
    assert (accepted.was_set_aside, [fault.code for fault in accepted.faults]) == (False, ["partly_missing"])
    assert doubted(loop) == [(doubtful.batch_id, False)]
    assert standing_of(loop, loop.land(mostly_without_wind(day=3))) == [FaultStanding.SETTLED]


def test_a_person_s_word_on_a_batch_that_was_set_aside_lands_it_again_and_covers_later_ones(loop: Loop) -> None:
    loop.promote_champion()
    quarantine = loop.land(NO_WIND)
    assert isinstance(quarantine, Quarantine)
    assert accepting(loop).run(quarantine.batch_id).was_set_aside
    assert isinstance(loop.announce(LandedObject(bucket="landing", key=quarantine.source_key)), Batch)
    assert isinstance(loop.land(landed_features(day=2, rows=300, wind=np.nan)), Batch), "the next one like it"
    assert isinstance(loop.land(landed_features(day=3, rows=300, distance=0.0)), Quarantine), "another fault"


def test_what_has_no_doubt_cannot_be_accepted_nor_what_is_wrong_by_itself(loop: Loop) -> None:
    loop.promote_champion()
    good = loop.land(landed_features(rows=300))
    with pytest.raises(NothingToAccept, match="no batch with a doubtful fault, or set aside for one"):
        accepting(loop).run(good.batch_id)
    wrong = loop.land(landed_features(day=4, rows=300, wind=np.nan, distance=-1.0))
    assert isinstance(wrong, Quarantine)
    with pytest.raises(NothingToAccept, match="see `evertrain doubts` and `evertrain quarantine`"):
        accepting(loop).run(wrong.batch_id)
