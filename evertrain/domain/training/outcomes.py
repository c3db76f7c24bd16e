"""How a retraining ended."""

from dataclasses import dataclass
from datetime import datetime

from evertrain.domain.events import EventName
from evertrain.domain.training.evaluation import UnusableRows
from evertrain.domain.training.rounds import NothingToChoose
from evertrain.domain.training.windows import NotEnoughHistory

INSUFFICIENT_DATA_ERRORS = tuple(error.__name__ for error in (NotEnoughHistory, NothingToChoose, UnusableRows))
"""Errors that mean too few rows so far, or rows of a single class. Nothing failed: more rows will fix it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One of `events.OUTCOME_EVENTS`, for one decision. `version` is empty where none was registered."""

    decision_id: str
    model: str
    name: EventName
    ended_at: datetime
    sentence: str
    version: str = ""


def classify_failure(sentence: str) -> EventName:
    """`sentence`: an error's name, and what it says.

    >>> classify_failure("UnusableRows: trips: the gate slice has 0 labelled rows, 1 are needed").value
    'RetrainPostponed'
    >>> classify_failure("States.Timeout").value
    'RetrainFailed'
    """
    error, _, _ = sentence.partition(":")
    return EventName.RETRAIN_POSTPONED if error in INSUFFICIENT_DATA_ERRORS else EventName.RETRAIN_FAILED
