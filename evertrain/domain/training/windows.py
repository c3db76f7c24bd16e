"""How the rows below a label watermark are cut: training windows, the embargo, the validation and the gate slice."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from evertrain.domain.errors import EvertrainError
from evertrain.domain.project.duration import format_duration, parse_duration
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.policies import MovingWindow, TrainingPolicy


class NotEnoughHistory(EvertrainError):
    """The matured rows do not reach back far enough for even the shortest window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Rows that contenders are trained on. `name`: as declared, such as `28d` or `expanding`."""

    name: str
    rows: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporalSplit:
    """training | embargo | validation | gate | watermark"""

    windows: tuple[Window, ...]
    validation: Interval
    gate: Interval


def refit_window(window: Window, *, watermark: datetime) -> Window:
    """The same rule with all rows up to the watermark: a fixed window moves, one with a fixed beginning grows.

    >>> from datetime import UTC
    >>> april = [datetime(2013, 4, day, tzinfo=UTC) for day in range(1, 31)]
    >>> week = Interval(start=april[0], end=april[7])
    >>> refit_window(Window(name="7d", rows=week), watermark=april[20]).rows.start.day
    14
    >>> refit_window(Window(name="expanding", rows=week), watermark=april[20]).rows.start.day
    1
    """
    start = window.rows.start
    if window.name not in tuple(MovingWindow):
        start = max(start, watermark - parse_duration(window.name))
    return Window(name=window.name, rows=Interval(start=start, end=watermark))


def temporal_split(
    policy: TrainingPolicy,
    *,
    watermark: datetime,
    oldest_event_time: datetime,
    comparable_from: datetime | None = None,
    changed_at: datetime | None = None,
) -> TemporalSplit:
    """Windows, validation slice and gate slice below a label watermark.

    A window that reaches back beyond the oldest row is shortened to it. Windows that become equal in this way are
    trained once, by the rule of the longest: where all else is equal it is preferred, and a refit has rows for it
    that choosing and judging had taken away. `comparable_from`: where the training rows end of what stands for the
    champion. `changed_at`: when the world changed.
    Soon after that, validation, gate and embargo are shortened, so that half of the rows since then are left to learn
    from.
    Without a known change, or where it came too late, there is no window since the change. Raises NotEnoughHistory
    where no rows are left to train on, or where the gate slice would overlap the champion's training rows or the
    embargo after them.
    """
    policy = _after_a_change(policy, watermark=watermark, changed_at=changed_at)
    gate = Interval(start=watermark - policy.gate, end=watermark)
    if comparable_from is not None and gate.start < comparable_from + policy.embargo:
        raise NotEnoughHistory(
            f"labels are complete to {watermark:%Y-%m-%d} and the champion has learnt from rows up to "
            f"{comparable_from:%Y-%m-%d}: the {_days(policy.gate)} that both are judged on would begin before the "
            "embargo after that is over"
        )
    validation = Interval(start=gate.start - policy.validation, end=gate.start)
    end = validation.start - policy.embargo
    if end <= oldest_event_time:
        needed = policy.gate + policy.validation + policy.embargo
        raise NotEnoughHistory(
            f"labels are complete from {oldest_event_time:%Y-%m-%d} to {watermark:%Y-%m-%d}, "
            f"but gate, validation and embargo alone take {_days(needed)}"
        )
    starts = {format_duration(length): max(end - length, oldest_event_time) for length in sorted(policy.windows)}
    if MovingWindow.SINCE_CHANGE in policy.moving_windows and changed_at is not None and changed_at < end:
        starts[MovingWindow.SINCE_CHANGE.value] = max(changed_at, oldest_event_time)
    if MovingWindow.EXPANDING in policy.moving_windows or not starts:
        starts[MovingWindow.EXPANDING.value] = oldest_event_time
    windows = {start: Window(name=name, rows=Interval(start=start, end=end)) for name, start in starts.items()}
    return TemporalSplit(windows=tuple(windows.values()), validation=validation, gate=gate)


def _after_a_change(policy: TrainingPolicy, *, watermark: datetime, changed_at: datetime | None) -> TrainingPolicy:
    """Of the time since the change, at most a fifth each to choose and to judge, and a tenth in between: half is left
    to learn from."""
    if MovingWindow.SINCE_CHANGE not in policy.moving_windows or changed_at is None or changed_at >= watermark:
        return policy
    fifth = (watermark - changed_at) / 5
    return replace(
        policy,
        validation=min(policy.validation, fifth),
        gate=min(policy.gate, fifth),
        embargo=min(policy.embargo, fifth / 2),
    )


def _days(length: timedelta) -> str:
    return f"{length / timedelta(days=1):.3g} days"
