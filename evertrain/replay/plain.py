"""What a policy has to beat: one model for ever, or a new one by a simple rule, on the matured rows of the longest
window. No gate, no checks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from evertrain.conversion.fitting import estimator_failed, fit, predicted
from evertrain.domain.deciding.decisions import Action, Reason
from evertrain.domain.events import EventName
from evertrain.domain.project.metric import Task
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.policies import MovingWindow
from evertrain.domain.training.candidates import parameter_grid
from evertrain.replay.estimators import MakeEstimator
from evertrain.replay.frames import HistoryFrames
from evertrain.replay.history import History, Step, as_datetime64
from evertrain.replay.result import BatchDecision, Recorder
from evertrain.statistics.metrics import absolute_errors


class Rule(Protocol):
    """When a plain policy retrains."""

    def is_due(self, replay: "PlainReplay", step: Step) -> bool:
        """Asked once for each step from the first model on."""


class Never:
    def is_due(self, replay: "PlainReplay", step: Step) -> bool:  # noqa: ARG002
        return False


class EveryBatch:
    def is_due(self, replay: "PlainReplay", step: Step) -> bool:  # noqa: ARG002
        return bool(len(replay.new_rows))


@dataclass(frozen=True)
class Periodic:
    """`every`: so many batches after the last training."""

    every: int

    def is_due(self, replay: "PlainReplay", step: Step) -> bool:
        return step.number - replay.trained_at >= self.every


class Adwin:
    """When ADWIN finds that the mean loss of matured rows has changed (Bifet & Gavalda, SDM 2007; by `river`)."""

    def __init__(self) -> None:
        from river.drift import ADWIN  # noqa: PLC0415  # the only one who needs it

        self._detector: Any = ADWIN()  # type: ignore[no-untyped-call]

    def is_due(self, replay: "PlainReplay", step: Step) -> bool:  # noqa: ARG002
        found = False
        for loss in replay.losses(replay.new_rows):
            self._detector.update(loss)
            found = found or self._detector.drift_detected
        return found


@dataclass(kw_only=True)
class PlainReplay:
    """`new_rows`: indices of the rows whose labels became known in this step. `trained_at`: the step of the last
    training."""

    history: History
    make_estimator: MakeEstimator
    recorder: Recorder
    rule: Rule
    seed: int
    timer: Callable[[], float]
    start: int = 0
    trained_at: int = -1
    new_rows: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    _known: npt.NDArray[np.bool_] = field(init=False)
    _model: tuple[Any, Mapping[str, list[str]]] | None = None
    _landed: int = 0
    _predicted: int = 0

    def __post_init__(self) -> None:
        self._known = np.zeros(self.history.table.num_rows, dtype=bool)

    def step(self, step: Step) -> None:
        self._landed = step.end
        self._learn_labels(step)
        self._act(step)
        if step is self.history.steps[-1]:
            self._predict_landed()

    def _act(self, step: Step) -> None:
        if step.number < self.start:
            return
        if self._model is None:
            if self._can_begin(step):
                self._train(step, Reason.NO_CHAMPION_YET)
        elif self.rule.is_due(self, step):
            self._train(step, Reason.PERIOD_ELAPSED)

    def losses(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Absolute errors of the predictions that were made of these rows; none of rows without one.
        `rows`: ascending."""
        if len(rows) and rows[-1] >= self._predicted:
            self._predict_landed()
        errors = absolute_errors(self.history.truth[rows], self.recorder.predictions[rows])
        return errors[~np.isnan(errors)]

    def _predict_landed(self) -> None:
        """Rows are predicted by the model that was there when they landed: all of one model's together, since an
        estimator takes as long for ten rows as for a thousand."""
        rows, self._predicted = slice(self._predicted, self._landed), self._landed
        if self._model is None or rows.start == rows.stop:
            return
        estimator, categories = self._model
        frame = self._frames.of(np.arange(rows.start, rows.stop), categories=categories)
        try:
            answers = predicted(estimator, frame, self._spec.task, classes=len(self._spec.label.classes))
        except Exception as error:
            raise estimator_failed("predict", f"{len(frame):,} rows", error) from error
        self.recorder.predicted(rows, answers)

    def _learn_labels(self, step: Step) -> None:
        landed = np.arange(len(self._known)) < step.end
        now_known = landed & self.history.known_by(step.now)
        self.new_rows = np.flatnonzero(now_known & ~self._known)
        self._known = now_known

    def _can_begin(self, step: Step) -> bool:
        """As the loop's first model: as many rows, over as long a time."""
        training = self._spec.training
        truth = self.history.truth[self._known]
        if len(truth) < training.minimum_rows:
            return False
        if self._spec.task is Task.CLASSIFICATION and len(np.unique(truth)) < 2:
            return False
        matured = step.now - self._spec.label.latency - self.history.steps[0].start
        return matured >= training.shortest_history

    def _train(self, step: Step, reason: Reason) -> None:
        self._predict_landed()
        rows = np.flatnonzero(self._known & (self.history.event_times >= self._window_start(step)))
        frame = self._frames.of(rows)
        parameters = parameter_grid(self._spec.training.search)[0]
        estimator = self.make_estimator(self.seed, parameters)
        started = self.timer()
        fit(estimator, frame, self.history.truth[rows], None)
        self.recorder.fitted(self.timer() - started)
        self._model = (estimator, _categories(frame))
        self.trained_at = step.number
        self.recorder.decided(
            BatchDecision(
                batch=step.number,
                at=step.now,
                action=Action.RETRAIN.value,
                reason=reason.value,
                sentence=f"on {len(frame):,} matured rows",
                outcome=EventName.MODEL_PROMOTED.value,
            )
        )

    def _window_start(self, step: Step) -> np.datetime64:
        """Of the longest window that the model declares."""
        training = self._spec.training
        if MovingWindow.EXPANDING in training.moving_windows or not training.windows:
            return as_datetime64(self.history.steps[0].start)
        return as_datetime64(step.now - self._spec.label.latency - max(training.windows))

    @cached_property
    def _frames(self) -> HistoryFrames:
        return HistoryFrames(self.history)

    @property
    def _spec(self) -> ModelSpec:
        return self.history.spec


def _categories(frame: pd.DataFrame) -> Mapping[str, list[str]]:
    return {
        name: list(frame[name].cat.categories)
        for name in frame.columns
        if isinstance(frame[name].dtype, pd.CategoricalDtype)
    }
