"""What a model predicts, and by which metric it is judged."""

from dataclasses import dataclass
from enum import StrEnum


class Task(StrEnum):
    """What a model predicts: the probability of the positive class, or of each of several classes; or a number."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class Metric(StrEnum):
    """scikit-learn's names: a `_score` goes up when the model is better, an `_error` or `_loss` goes down. Accuracies
    and F1 take a probability above one half as the class 1; of more than two classes, the most probable one. Their F1
    and ROC AUC are a mean over classes, each against the others, of equal weight or by how many rows it has."""

    ROC_AUC_SCORE = "roc_auc_score"
    AVERAGE_PRECISION_SCORE = "average_precision_score"
    ACCURACY_SCORE = "accuracy_score"
    BALANCED_ACCURACY_SCORE = "balanced_accuracy_score"
    F1_SCORE = "f1_score"
    F1_MACRO_SCORE = "f1_macro_score"
    F1_WEIGHTED_SCORE = "f1_weighted_score"
    ROC_AUC_OVR_SCORE = "roc_auc_ovr_score"
    ROC_AUC_OVR_WEIGHTED_SCORE = "roc_auc_ovr_weighted_score"
    LOG_LOSS = "log_loss"
    BRIER_SCORE_LOSS = "brier_score_loss"
    MEAN_ABSOLUTE_ERROR = "mean_absolute_error"
    MEAN_ABSOLUTE_PERCENTAGE_ERROR = "mean_absolute_percentage_error"
    ROOT_MEAN_SQUARED_ERROR = "root_mean_squared_error"
    R2_SCORE = "r2_score"

    @property
    def higher_is_better(self) -> bool:
        return is_score(self.value)

    @property
    def task(self) -> Task:
        return Task.REGRESSION if self in _OF_NUMBERS else Task.CLASSIFICATION


_OF_NUMBERS = (
    Metric.MEAN_ABSOLUTE_ERROR,
    Metric.MEAN_ABSOLUTE_PERCENTAGE_ERROR,
    Metric.ROOT_MEAN_SQUARED_ERROR,
    Metric.R2_SCORE,
)


_OF_TWO_CLASSES = (Metric.ROC_AUC_SCORE, Metric.AVERAGE_PRECISION_SCORE, Metric.F1_SCORE)
OF_MORE_CLASSES = (
    Metric.F1_MACRO_SCORE,
    Metric.F1_WEIGHTED_SCORE,
    Metric.ROC_AUC_OVR_SCORE,
    Metric.ROC_AUC_OVR_WEIGHTED_SCORE,
)


def known_metrics(task: Task, *, is_multiclass: bool) -> tuple[Metric, ...]:
    """What a model may be judged by. `is_multiclass`: whether it tells more than two classes apart.

    >>> [each.value for each in known_metrics(Task.CLASSIFICATION, is_multiclass=False)][-2:]
    ['log_loss', 'brier_score_loss']
    """
    others = _OF_TWO_CLASSES if is_multiclass else OF_MORE_CLASSES
    return tuple(each for each in Metric if each.task is task and each not in others)


class GuardMetric(StrEnum):
    """What a contender must not become worse in, and cannot be judged by alone: one and the same probability for all
    rows is well calibrated, and worthless. `expected_calibration_error`: how far probabilities lie from how often it
    happened, in tenths of the rows by their prediction (Naeini, Cooper & Hauskrecht, AAAI 2015). Of more than two
    classes: of the most probable one, and whether it was that (Guo et al., ICML 2017)."""

    EXPECTED_CALIBRATION_ERROR = "expected_calibration_error"

    @property
    def higher_is_better(self) -> bool:
        return is_score(self.value)

    @property
    def task(self) -> Task:
        return Task.CLASSIFICATION


@dataclass(frozen=True, slots=True)
class PinballLoss:
    """scikit-learn's `mean_pinball_loss` with `quantile` as its alpha: least where so large a share of the numbers is
    below its prediction."""

    quantile: float

    @property
    def value(self) -> str:
        return PINBALL_LOSS

    @property
    def higher_is_better(self) -> bool:
        return is_score(self.value)

    @property
    def task(self) -> Task:
        return Task.REGRESSION

    def __str__(self) -> str:
        return self.value


PINBALL_LOSS = "mean_pinball_loss"


@dataclass(frozen=True, slots=True)
class OwnMetric:
    """A function of the model's own, `models/<model>/metric.py`. Its name says which way is better, as scikit-learn's
    do. What it does with rows is `statistics.metrics.LoadedMetric`'s."""

    name: str
    task: Task

    @property
    def value(self) -> str:
        return self.name

    @property
    def higher_is_better(self) -> bool:
        return is_score(self.name)

    def __str__(self) -> str:
        return self.name


METRIC_FILE = "metric.py"
"""In the model's folder, where it has a metric of its own."""

ModelMetric = Metric | PinballLoss | OwnMetric
"""What models may be chosen and judged by."""

Guard = Metric | GuardMetric


def is_score(name: str) -> bool:
    """Whether higher is better, by how the name ends."""
    return name.endswith("_score")
