"""How the rows below a watermark are cut, and which rows a refit has by the same rule."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertrain.domain.project.policies import MovingWindow, TrainingPolicy
from evertrain.domain.training.windows import NotEnoughHistory, refit_window, temporal_split
from tests.builders.models import days

OLDEST = datetime(2013, 1, 1, tzinfo=UTC)
POLICY = TrainingPolicy(
    windows=(days(8), days(32)),
    moving_windows=(MovingWindow.EXPANDING, MovingWindow.SINCE_CHANGE),
    validation=days(5),
    gate=days(5),
    embargo=days(3),
)


def lengths(*, history: float, **changes: object) -> dict[str, timedelta]:
    """Of the windows' rows, by name."""
    split = temporal_split(replace(POLICY, **changes), watermark=OLDEST + days(history), oldest_event_time=OLDEST)
    return {window.name: window.rows.end - window.rows.start for window in split.windows}


def test_with_a_long_history_each_window_has_its_length() -> None:
    assert lengths(history=113) == {"8d": days(8), "32d": days(32), "expanding": days(100)}


@pytest.mark.parametrize(("history", "names"), [(20, ["expanding"]), (30, ["8d", "expanding"])])
def test_windows_that_the_history_makes_equal_are_trained_once_by_the_longest_rule(
    history: float, names: list[str]
) -> None:
    assert list(lengths(history=history)) == names


def test_of_fixed_windows_alone_the_longest_rule_stays() -> None:
    assert list(lengths(history=20, moving_windows=())) == ["32d"]


@given(history=st.floats(13.5, 200), change=st.none() | st.floats(0, 150))
def test_a_refit_has_all_rows_of_a_history_that_no_window_is_shorter_than(
    history: float, change: float | None
) -> None:
    """What choosing and judging have taken away comes back: no first model learns from fewer rows than it could."""
    watermark = OLDEST + days(history)
    changed_at = None if change is None else OLDEST + days(change)
    split = temporal_split(POLICY, watermark=watermark, oldest_event_time=OLDEST, changed_at=changed_at)
    starts = [window.rows.start for window in split.windows]
    assert len(set(starts)) == len(starts)
    for window in split.windows:
        if window.rows.start == OLDEST:
            assert refit_window(window, watermark=watermark).rows.start == OLDEST


def test_where_nothing_is_left_to_learn_from_it_is_told() -> None:
    with pytest.raises(NotEnoughHistory, match="gate, validation and embargo alone take 13 days"):
        lengths(history=13)
