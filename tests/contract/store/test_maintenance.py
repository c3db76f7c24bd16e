"""Maintenance changes no row of any version that is needed, whatever goes on meanwhile."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evertrain.adapters.store.delta import maintenance as delta_maintenance
from evertrain.adapters.store.delta import writer as delta_writer
from evertrain.adapters.store.delta.maintenance import MIN_FILES_TO_COMPACT
from evertrain.domain.project.interval import Interval
from evertrain.domain.training.plan import TrainingPlan
from evertrain.ports.feature_store import MaintenanceResult
from evertrain.tables.digest import table_digest
from evertrain.use_cases.training.training_rows import StoredTrainingRows
from tests.builders.batches import FEATURES, LABELS
from tests.builders.landed import FIRST_DAY, features_frame, landed_features, landed_labels, parquet
from tests.builders.models import NOW, a_model, days
from tests.builders.store import ALL_TIME, Store

EARLIER = NOW - timedelta(hours=1)


LATER = NOW + timedelta(hours=1)
"""When the month of EARLIER is over."""


def maintain(
    store: Store, *, now: datetime = LATER, retained_versions: tuple[int, ...] = (), retention_hours: int = 24
) -> MaintenanceResult:
    done = store.maintenance(retention_hours=retention_hours).maintain(
        FEATURES, retained_versions=retained_versions, now=now
    )
    assert done is not None
    return done


def files(store: Store) -> list[str]:
    return store.table(FEATURES).file_uris()


def filled(store: Store, *, batches: int = MIN_FILES_TO_COMPACT, seed: int = 0) -> Store:
    for number in range(batches):
        day = number % MIN_FILES_TO_COMPACT
        store.add(
            FEATURES,
            landed_features(day=day, seed=seed + number),
            ingested_at=NOW - timedelta(hours=1) + timedelta(seconds=number),
        )
    return store


@pytest.mark.parametrize("now", [EARLIER, LATER], ids=["a month that goes on", "a month that is over"])
def test_many_small_files_of_a_month_become_one(store: Store, now: datetime) -> None:
    filled(store)
    before = store.reader.read(FEATURES, version=MIN_FILES_TO_COMPACT - 1, rows=ALL_TIME, known_at=NOW)
    done = maintain(store, now=now)
    assert (done.merged, done.written, done.removed) == (MIN_FILES_TO_COMPACT, 1, 0)
    assert len(files(store)) == 1
    assert done.state == store.reader.state(FEATURES)
    assert done.state.rows == 20 * MIN_FILES_TO_COMPACT
    after = store.reader.read(FEATURES, version=done.state.version, rows=ALL_TIME, known_at=NOW)
    order = [("event_time", "ascending"), ("trip_id", "ascending")]
    assert after.sort_by(order).equals(before.sort_by(order))


def test_a_month_that_is_over_is_put_in_order_of_time_once(store: Store) -> None:
    filled(store)
    maintain(store, now=EARLIER)
    done = maintain(store)
    assert (done.merged, done.written) == (1, 1)
    rows = store.reader.read(FEATURES, version=done.state.version, rows=ALL_TIME, known_at=NOW)
    assert rows["event_time"].to_pylist() == sorted(rows["event_time"].to_pylist())
    assert maintain(store).state.version == done.state.version
    late = filled(store, batches=MIN_FILES_TO_COMPACT - 2, seed=500)
    assert maintain(late).merged == 0
    store.add(FEATURES, landed_features(day=3, seed=900), ingested_at=EARLIER)
    assert (maintain(store).merged, maintain(store).merged) == (MIN_FILES_TO_COMPACT, 0)


def test_a_month_that_is_too_large_to_be_sorted_is_merged_only(store: Store) -> None:
    filled(store)
    large = store.maintenance(retention_hours=24, max_sorted_bytes=1)
    done = large.maintain(FEATURES, retained_versions=(), now=LATER)
    assert done is not None
    assert (done.merged, done.written) == (MIN_FILES_TO_COMPACT, 1)
    assert large.maintain(FEATURES, retained_versions=(), now=LATER) == replace(done, merged=0, written=0)
    assert (maintain(store).merged, maintain(store).merged) == (1, 0)  # in order, once there is memory for it


def test_a_merged_file_that_is_large_enough_is_left_alone_while_its_month_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    maintain(filled(store), now=EARLIER)
    (merged,) = files(store)
    (size,) = store.table(FEATURES).get_add_actions()["size_bytes"].to_pylist()
    filled(store, seed=500)
    monkeypatch.setattr(delta_maintenance, "COMPACTION_TARGET_BYTES", size)
    done = maintain(store, now=EARLIER)
    assert done.merged == MIN_FILES_TO_COMPACT
    assert merged in files(store)
    assert len(files(store)) == 1 + done.written


def test_few_files_or_none_are_left_alone(store: Store) -> None:
    assert store.maintenance().maintain(FEATURES, retained_versions=(), now=EARLIER) is None
    done = maintain(filled(store, batches=MIN_FILES_TO_COMPACT - 1), now=EARLIER)
    assert (done.merged, done.written, done.removed) == (0, 0, 0)


def test_batches_are_still_committed_once_and_read_by_their_times(store: Store) -> None:
    filled(store)
    again = store.put(
        FEATURES, landed_features(day=3, seed=3), ingested_at=NOW - timedelta(hours=1) + timedelta(seconds=3)
    )
    version = maintain(store).state.version
    assert store.writer.commit(again).version == version
    later = store.add(FEATURES, landed_features(day=25), ingested_at=NOW)
    third_day = Interval(start=FIRST_DAY + days(3), end=FIRST_DAY + days(4))
    rows = store.reader.read(FEATURES, version=later.version, rows=third_day, known_at=NOW)
    assert rows.num_rows == 20


def test_rows_at_the_very_ends_of_an_interval_are_told_by_the_microsecond(store: Store) -> None:
    """Files are read whole or left out by what the log says of their times, ours or those of maintenance."""
    microsecond = timedelta(microseconds=1)
    for number in range(MIN_FILES_TO_COMPACT):
        times = [FIRST_DAY + days(number) + microsecond, FIRST_DAY + days(number) + 2 * microsecond]
        frame = features_frame(day=number, rows=2, departed_at=times)
        state = store.add(FEATURES, parquet(frame), ingested_at=EARLIER)
    merged = maintain(store).state
    assert len(files(store)) == 1
    last = FIRST_DAY + days(MIN_FILES_TO_COMPACT - 1)
    for version in (state.version, merged.version):
        for start, end, rows in (
            (FIRST_DAY, last + 3 * microsecond, 2 * MIN_FILES_TO_COMPACT),
            (FIRST_DAY + 2 * microsecond, last + 2 * microsecond, 2 * MIN_FILES_TO_COMPACT - 2),
            (last + 2 * microsecond, last + days(1), 1),
            (last + 3 * microsecond, last + days(1), 0),
        ):
            found = store.reader.read(
                FEATURES, version=version, rows=Interval(start=start, end=end), known_at=EARLIER
            )
            assert found.num_rows == rows
        ever = store.reader.read(FEATURES, version=version, rows=ALL_TIME, known_at=EARLIER - microsecond)
        assert ever.num_rows == 0


def test_a_needed_version_stays_readable_and_others_go(store: Store) -> None:
    filled(store)
    maintain(store)
    for day in range(MIN_FILES_TO_COMPACT):
        store.add(FEATURES, landed_features(day=day, seed=day + 500), ingested_at=NOW - timedelta(minutes=30))
    done = maintain(store, retained_versions=(4,), retention_hours=0)
    assert (
        done.removed == 2 * MIN_FILES_TO_COMPACT + 1 - 5
    )  # of both rounds and the first merged file, less five of version 4
    assert store.reader.read(FEATURES, version=4, rows=ALL_TIME, known_at=NOW).num_rows == 100
    assert done.state.rows == 40 * MIN_FILES_TO_COMPACT
    with pytest.raises(OSError, match=r"not found|No such file"):
        store.reader.read(FEATURES, version=9, rows=ALL_TIME, known_at=NOW)


def test_what_was_removed_is_not_removed_again(store: Store) -> None:
    maintain(filled(store))
    assert maintain(store, retention_hours=0).removed == MIN_FILES_TO_COMPACT
    assert maintain(store, retention_hours=0).removed == 0


def test_a_file_that_no_version_needs_any_more_is_removed_then(store: Store) -> None:
    maintain(filled(store))
    assert maintain(store, retained_versions=(4,), retention_hours=0).removed == MIN_FILES_TO_COMPACT - 5
    assert maintain(store, retention_hours=0).removed == 5


def test_what_was_needed_for_longer_than_the_log_remembers_is_left_lying_and_readable(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(delta_writer._TABLE_PROPERTIES, "delta.deletedFileRetentionDuration", "interval 0 seconds")
    maintain(filled(store), retained_versions=(4,))
    store.add(FEATURES, landed_features(day=25), ingested_at=NOW)
    # The next checkpoint forgets what was replaced.
    assert maintain(store, retained_versions=(4,)).removed == 0
    assert maintain(store, retention_hours=0).removed == 0
    assert store.reader.read(FEATURES, version=4, rows=ALL_TIME, known_at=NOW).num_rows == 100
    assert (
        store.reader.read(
            FEATURES, version=store.reader.state(FEATURES).version, rows=ALL_TIME, known_at=NOW
        ).num_rows
        == 420
    )


def test_a_file_that_is_not_committed_yet_is_left_for_its_commit(store: Store) -> None:
    batch = store.put(FEATURES, landed_features(day=25), ingested_at=NOW)
    maintain(filled(store), retention_hours=0)
    version = store.writer.commit(batch).version
    late = Interval(start=FIRST_DAY + days(25), end=FIRST_DAY + days(26))
    assert store.reader.read(FEATURES, version=version, rows=late, known_at=NOW).num_rows == 20


def test_appends_during_maintenance_lose_nothing(store: Store) -> None:
    filled(store, batches=3 * MIN_FILES_TO_COMPACT)
    late = [store.put(FEATURES, landed_features(day=day, seed=day + 900), ingested_at=NOW) for day in range(12)]
    threads = [threading.Thread(target=store.writer.commit, args=(batch,)) for batch in late]
    threads.insert(2, threading.Thread(target=maintain, args=(store,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.reader.state(FEATURES).rows == 20 * (3 * MIN_FILES_TO_COMPACT + 12)


# --- the same plan gives the same rows, whatever comes in between --------------------------------

events = st.one_of(
    st.tuples(st.just("features"), st.integers(1, 6), st.integers(0, 99)),
    st.tuples(st.just("correction"), st.integers(1, 6), st.integers(0, 99)),
    st.tuples(st.just("labels"), st.integers(1, 6), st.integers(0, 1)),
    st.tuples(st.just("maintenance"), st.just(0), st.just(0)),
    st.tuples(st.just("a new month"), st.just(0), st.just(0)),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(events, max_size=8), after=st.lists(events, max_size=8))
def test_the_same_plan_gives_the_same_rows_whatever_comes_in_between(
    tmp_path_factory: pytest.TempPathFactory, before: list[Any], after: list[Any]
) -> None:
    store, world = Store(root=tmp_path_factory.mktemp("store")), World()
    for event in (("features", 1, 0), ("labels", 1, 0), *before):
        world.happens(store, event)
    plan = world.plan(store)
    rows = StoredTrainingRows(tables=store.reader)
    planned = rows.read_labelled(a_model(), plan, ALL_TIME)
    for event in after:
        world.happens(store, event, retained_versions=plan.table_versions)
    assert rows.read_labelled(a_model(), plan, ALL_TIME).equals(planned)
    # As known then, the newest version tells the same.
    newest = replace(plan, table_versions=store.versions())
    assert rows.read_labelled(a_model(), newest, ALL_TIME).equals(planned)
    # And so do a few rows at a time.
    in_parts = StoredTrainingRows(tables=store.reader, rows_per_chunk=7).read_labelled(a_model(), newest, ALL_TIME)
    assert in_parts.equals(planned)
    assert table_digest(in_parts) == table_digest(planned)


class World:
    """Time goes on with each event. Maintenance finds a month that goes on, or one that is over."""

    def __init__(self) -> None:
        self.now = NOW

    def happens(
        self, store: Store, event: tuple[str, int, int], *, retained_versions: Mapping[str, int] | None = None
    ) -> None:
        kind, day, change = event
        self.now += timedelta(hours=1)
        if kind == "maintenance":
            self.maintain(store, retained_versions or {})
        elif kind == "a new month":
            self.now += days(31)
        elif kind == "labels":
            store.add(LABELS, landed_labels(day=day, late=float(change)), ingested_at=self.now)
        else:
            frame = features_frame(day=day, wind=float(change))
            part = frame.iloc[::3] if kind == "correction" else frame
            store.add(FEATURES, parquet(part), ingested_at=self.now)

    def maintain(self, store: Store, retained_versions: Mapping[str, int]) -> None:
        for feed in (FEATURES, LABELS):
            versions = [retained_versions[str(feed)]] if retained_versions else []
            done = store.maintenance(retention_hours=0, min_files_to_compact=2).maintain(
                feed, retained_versions=versions, now=self.now
            )
            assert done is not None

    def plan(self, store: Store) -> TrainingPlan:
        return store.plan(a_model(), known_at=self.now)
