"""A mishap of the feed is told from a change of the world, as far as a batch can tell."""

import numpy as np
import numpy.typing as npt
import pytest

from evertrain.domain.landing.batches import COMPARISON_FAULT_CODES, Fault, FaultStanding
from evertrain.domain.project.feature_group import Column, FeatureKind
from evertrain.domain.project.policies import DriftPolicy
from evertrain.statistics.faults import CONVERSIONS, MIN_ROWS, Conversion, find_faults
from evertrain.statistics.layouts import Categories
from evertrain.statistics.reference import build_reference
from evertrain.statistics.verdict import judge

COLUMNS = (
    Column(name="temperature", kind=FeatureKind.NUMERIC),
    Column(name="distance", kind=FeatureKind.NUMERIC),
    Column(name="seats", kind=FeatureKind.NUMERIC),
    Column(name="rain", kind=FeatureKind.NUMERIC),
    Column(name="visibility", kind=FeatureKind.NUMERIC),
    Column(name="carrier", kind=FeatureKind.CATEGORICAL),
    Column(name="site", kind=FeatureKind.CATEGORICAL),
)
DAYS = 40
Batch = dict[str, np.ndarray | Categories]


def a_day(day: int, *, rows: int = 400) -> Batch:
    """Temperature in °F wanders with the season and the day; the others are alike every day but for dry, clear ones.

    Each day is of one site, so the site is constant by right.
    """
    rng = np.random.default_rng(day)
    wet = day % 4 == 0
    return {
        "temperature": 40 + 0.3 * day + rng.normal(0, 3) + rng.normal(0, 2, rows),
        "distance": rng.gamma(3, 300, rows),
        "seats": rng.choice([50.0, 150.0, 180.0, 220.0], rows) + rng.integers(0, 9, rows),
        "rain": np.where(rng.random(rows) < (0.5 if wet else 0.0), rng.gamma(1, 0.2, rows), 0.0),
        "visibility": np.where(rng.random(rows) < (0.5 if wet else 0.0), rng.uniform(1, 10, rows), 10.0),
        "carrier": Categories.from_values(rng.choice(["UA", "DL", "AA"], rows).tolist()),
        "site": Categories.from_values([["EWR", "JFK", "LGA"][day % 3]] * rows),
    }


def _together(days: list[Batch]) -> Batch:
    return {
        column.name: Categories.from_values(
            [each.levels[code] for day in days for each in [day[column.name]] for code in each.codes]
        )  # type: ignore[union-attr]
        if column.kind is FeatureKind.CATEGORICAL
        else np.concatenate([day[column.name] for day in days])  # type: ignore[misc]
        for column in COLUMNS
    }


REFERENCE = build_reference(
    _together([a_day(day) for day in range(DAYS)]), COLUMNS, blocks=np.repeat(np.arange(DAYS), 400)
)


def faults(batch: Batch, *, day: int = DAYS, knows_the_day_before: bool = True) -> dict[str, Fault]:
    earlier = [REFERENCE.sketch(a_day(day - 1))] if knows_the_day_before else []
    found = find_faults(REFERENCE, REFERENCE.sketch(batch), earlier=earlier)
    assert {fault.code for fault in found} <= COMPARISON_FAULT_CODES
    return {fault.column: fault for fault in found}


def test_good_days_of_the_next_season_are_no_faults_although_they_drift() -> None:
    for day in range(DAYS, DAYS + 120):
        assert faults(a_day(day), day=day) == {}
        assert faults(a_day(day), knows_the_day_before=False) == {}
    later = judge(REFERENCE, REFERENCE.sketch(a_day(DAYS + 119)), policy=DriftPolicy())
    assert "temperature" in later.drifted_features


def test_a_column_of_zeros_is_a_fault_where_no_day_was_like_it() -> None:
    fault = faults(a_day(DAYS) | {"distance": np.zeros(400)})["distance"]
    assert fault.code == "constant"
    assert fault.message.startswith("distance: all 400 values are 0; in training one value had at most")


@pytest.mark.parametrize("column", ["rain", "visibility"])
def test_a_dry_and_clear_day_is_no_fault(column: str) -> None:
    value = {"rain": 0.0, "visibility": 10.0}[column]
    assert faults(a_day(DAYS) | {column: np.full(400, value)}) == {}


def test_a_category_that_is_always_one_level_a_day_may_be_constant_and_another_may_not() -> None:
    assert faults(a_day(DAYS) | {"site": Categories.from_values(["JFK"] * 400)}) == {}
    assert faults(a_day(DAYS) | {"carrier": Categories.from_values(["UA"] * 400)})["carrier"].code == "constant"


def test_a_column_without_values_is_a_fault_unless_training_often_had_none() -> None:
    assert faults(a_day(DAYS) | {"seats": np.full(400, np.nan)})["seats"].code == "mostly_missing"
    part = np.where(np.arange(400) % 10 < 2, np.nan, a_day(DAYS)["seats"])
    assert faults(a_day(DAYS) | {"seats": part}) == {}  # drift, but a sensor may be down for some hours
    sparse = build_reference({"x": np.where(np.arange(2_000) % 10 < 7, np.nan, 1.0)}, [_number("x")])
    assert find_faults(sparse, sparse.sketch({"x": np.full(200, np.nan)})) == ()


def test_a_code_that_changed_its_spelling_is_a_fault_and_new_customers_are_not() -> None:
    lower = Categories.from_values(np.random.default_rng(0).choice(["ua", "dl", "aa"], 400).tolist())
    assert faults(a_day(DAYS) | {"carrier": lower})["carrier"].code == "unknown_levels"
    some_new = Categories.from_values((["UA", "DL", "AA", "WN"] * 100)[:400])
    assert "carrier" not in faults(a_day(DAYS) | {"carrier": some_new})


def test_a_unit_that_changed_overnight_is_named() -> None:
    batch = a_day(DAYS)
    celsius = faults(batch | {"temperature": (batch["temperature"] - 32) * 5 / 9})["temperature"]  # type: ignore[operator]
    assert celsius.code == "unit_changed"
    assert "as if converted from °F to °C" in celsius.message
    kilometres = faults(batch | {"distance": batch["distance"] * 1.609344})["distance"]  # type: ignore[operator]
    assert "from miles to kilometres" in kilometres.message


@pytest.mark.parametrize("rows", [60, 400])
def test_values_that_moved_by_as_much_as_a_conversion_would_and_are_spread_as_before_are_the_world_s_doing(
    rows: int,
) -> None:
    """Customers who are twenty years older, from a new campaign: in kilometres their ages would lie further apart."""
    rng = np.random.default_rng(4)
    ages = rng.normal(40, 10, (DAYS, rows))
    reference = build_reference({"age": ages.ravel()}, [_number("age")], blocks=np.repeat(np.arange(DAYS), rows))
    before = [reference.sketch({"age": ages[-1]})]

    def is_set_aside(values: npt.NDArray[np.float64]) -> bool:
        return bool(find_faults(reference, reference.sketch({"age": values}), earlier=before))

    older = [rng.normal(40 * 1.55, 10, rows) for _ in range(50)]
    assert sum(map(is_set_aside, older)) <= 1  # of 50, where it was 44 with 60 rows
    in_kilometres = [rng.normal(40, 10, rows) * 1.609344 for _ in range(50)]
    assert sum(map(is_set_aside, in_kilometres)) >= 46


def test_without_the_day_before_only_features_that_never_wander_are_looked_at() -> None:
    batch = a_day(DAYS)
    celsius = {"temperature": (batch["temperature"] - 32) * 5 / 9}  # type: ignore[operator]
    kilometres = {"distance": batch["distance"] * 1.609344}  # type: ignore[operator]
    assert faults(batch | celsius, knows_the_day_before=False) == {}
    assert set(faults(batch | kilometres, knows_the_day_before=False)) == {"distance"}


@pytest.mark.parametrize("conversion", [each for each in CONVERSIONS if not each.offset], ids=lambda c: c.description)
def test_every_change_of_scale_is_recognised_on_a_column_that_is_steady(conversion: Conversion) -> None:
    batch = a_day(DAYS)
    converted = batch["distance"] * conversion.factor  # type: ignore[operator]
    assert faults(batch | {"distance": converted})["distance"].code == "unit_changed"


def test_columns_that_hold_each_other_s_values_are_a_fault() -> None:
    batch = a_day(DAYS)
    found = faults(batch | {"distance": batch["seats"], "seats": batch["distance"]})
    assert {fault.code for fault in found.values()} == {"columns_exchanged"}
    assert found["distance"].message == "distance: holds what seats held before"


def test_a_change_that_no_mishap_explains_is_drift_and_no_fault() -> None:
    batch = a_day(DAYS)
    doubled_for_some = np.where(np.arange(400) % 2 == 0, 4.0, 1.0) * batch["distance"]
    assert faults(batch | {"distance": doubled_for_some}) == {}


def test_columns_that_all_moved_each_in_its_own_way_are_the_world_s_doing() -> None:
    batch = a_day(DAYS)
    celsius = {"temperature": (batch["temperature"] - 32) * 5 / 9}  # type: ignore[operator]
    kilometres = {"distance": batch["distance"] * 1.609344}  # type: ignore[operator]
    found = faults(batch | celsius | kilometres)
    assert {(each.column, each.code, each.standing) for each in found.values()} == {
        ("temperature", "beyond_training", FaultStanding.DOUBTFUL)  # no known fault, and unlike anything in training
    }
    both = kilometres | {"seats": batch["seats"] * 1.609344}  # type: ignore[operator]
    assert {fault.code for fault in faults(batch | both).values()} == {"unit_changed"}


def test_a_few_rows_are_accused_of_nothing() -> None:
    rows = MIN_ROWS - 1
    assert faults(a_day(DAYS, rows=rows) | {"distance": np.zeros(rows)}) == {}


def test_where_days_are_not_known_only_zeros_are_a_constant_fault() -> None:
    whole = build_reference(_together([a_day(day) for day in range(DAYS)]), COLUMNS)
    january = a_day(DAYS) | {"temperature": np.full(400, 31.0)}
    assert find_faults(whole, whole.sketch(january)) == ()
    (fault,) = find_faults(whole, whole.sketch(a_day(DAYS) | {"temperature": np.zeros(400)}))
    assert (fault.code, fault.column) == ("constant", "temperature")


def _number(name: str) -> Column:
    return Column(name=name, kind=FeatureKind.NUMERIC)


# --- graded -------------------------------------------------------------------------------------


def standing_of(batch: Batch, column: str, *, earlier: list[Batch] | None = None) -> FaultStanding | None:
    before = [REFERENCE.sketch(each) for each in ([a_day(DAYS - 1)] if earlier is None else earlier)]
    found = find_faults(REFERENCE, REFERENCE.sketch(batch), earlier=before)
    return next((fault.standing for fault in found if fault.column == column), None)


@pytest.mark.parametrize(
    ("column", "spoiled"), [("seats", np.nan), ("seats", 0.0), ("distance", np.nan), ("distance", 0.0)]
)
def test_a_fault_that_begins_in_the_middle_of_a_batch_is_doubtful_and_the_next_batch_certain(
    column: str, spoiled: float
) -> None:
    half = a_day(DAYS) | {column: np.where(np.arange(400) < 150, a_day(DAYS)[column], spoiled)}
    assert standing_of(half, column) is FaultStanding.DOUBTFUL
    assert standing_of(a_day(DAYS + 1) | {column: np.full(400, spoiled)}, column) is FaultStanding.CERTAIN


def test_a_unit_that_changed_in_the_middle_of_the_batch_before_is_found_beside_an_older_one() -> None:
    kilometres = np.where(np.arange(400) < 200, 1.0, 1.609344)
    mixed = a_day(DAYS) | {"distance": a_day(DAYS)["distance"] * kilometres}  # type: ignore[operator]
    whole = a_day(DAYS + 1) | {"distance": a_day(DAYS + 1)["distance"] * 1.609344}  # type: ignore[operator]
    assert standing_of(whole, "distance", earlier=[mixed]) is not FaultStanding.CERTAIN
    assert standing_of(whole, "distance", earlier=[mixed, a_day(DAYS - 1)]) is FaultStanding.CERTAIN


def test_a_new_site_is_news_where_every_batch_is_of_one_site_and_new_carriers_are_a_fault() -> None:
    assert standing_of(a_day(DAYS) | {"site": Categories.from_values(["BOS"] * 400)}, "site") is None
    new = Categories.from_values(np.random.default_rng(1).choice(["B6", "WN"], 400).tolist())
    assert standing_of(a_day(DAYS) | {"carrier": new}, "carrier") is FaultStanding.CERTAIN
    some = Categories.from_values(np.random.default_rng(1).choice(["B6", "WN", "UA"], 400).tolist())
    assert standing_of(a_day(DAYS) | {"carrier": some}, "carrier") is FaultStanding.DOUBTFUL


def test_values_that_are_suddenly_beyond_all_of_training_are_doubtful_whatever_they_are() -> None:
    assert standing_of(a_day(DAYS) | {"distance": a_day(DAYS)["distance"] + 90_000}, "distance") is (  # type: ignore[operator]
        FaultStanding.DOUBTFUL
    )


RELATED = tuple(_number(name) for name in ("left", "right", "outside", "follows_left", "follows_right"))


def related(day: int, *, colder_by: float = 0.0, rows: int = 300) -> Batch:
    """Two sensors that are alike, each with one that follows it; `outside` leads both."""
    rng = np.random.default_rng(1_000 + day)
    outside = rng.normal(rng.normal(0, 0.3) - colder_by, 1, rows)
    left, right = (outside + rng.normal(0, 1, rows) + 20 for _ in range(2))
    return {
        "left": left,
        "right": right,
        "outside": outside,
        "follows_left": left + rng.normal(0, 0.4, rows),
        "follows_right": right + rng.normal(0, 0.4, rows),
    }


def _of_related(days: range) -> Batch:
    parts = [related(day) for day in days]
    return {column.name: np.concatenate([part[column.name] for part in parts]) for column in RELATED}  # type: ignore[misc]


SENSORS = build_reference(_of_related(range(DAYS)), RELATED, blocks=np.repeat(np.arange(DAYS), 300))


def faults_of_sensors(batch: Batch) -> set[str]:
    earlier = [SENSORS.sketch(related(DAYS - 1))]
    return {f"{fault.column} {fault.code}" for fault in find_faults(SENSORS, SENSORS.sketch(batch), earlier=earlier)}


def test_alike_columns_that_are_exchanged_show_in_how_they_go_with_the_others() -> None:
    batch = related(DAYS)
    exchanged = batch | {"left": batch["right"], "right": batch["left"]}
    # It could as well be those that follow them.
    assert faults_of_sensors(exchanged) == {
        f"{column.name} columns_exchanged" for column in RELATED[:2] + RELATED[3:]
    }
    assert all(not faults_of_sensors(related(day)) for day in range(DAYS, DAYS + 60))


def test_columns_that_move_together_are_weather_and_one_that_moves_alone_is_converted() -> None:
    cold = related(DAYS, colder_by=8)
    assert not any("unit_changed" in fault for fault in faults_of_sensors(cold))
    batch = related(DAYS)
    alone = batch | {"outside": batch["outside"] * 60}  # type: ignore[operator]
    assert faults_of_sensors(alone) == {"outside unit_changed"}
