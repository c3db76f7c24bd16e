"""What a model predicts, and by which metric it is judged."""

from enum import StrEnum


class Task(StrEnum):
    """What a model predicts: the probability of the positive class, or a number."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class Metric(StrEnum):
    """scikit-learn's names: a `_score` goes up when the model is better, an `_error` or `_loss` goes down."""

    ROC_AUC_SCORE = "roc_auc_score"
    AVERAGE_PRECISION_SCORE = "average_precision_score"
    LOG_LOSS = "log_loss"
    BRIER_SCORE_LOSS = "brier_score_loss"
    MEAN_ABSOLUTE_ERROR = "mean_absolute_error"
    ROOT_MEAN_SQUARED_ERROR = "root_mean_squared_error"
    R2_SCORE = "r2_score"

    @property
    def higher_is_better(self) -> bool:
        return self.value.endswith("_score")

    @property
    def task(self) -> Task:
        if self in (Metric.MEAN_ABSOLUTE_ERROR, Metric.ROOT_MEAN_SQUARED_ERROR, Metric.R2_SCORE):
            return Task.REGRESSION
        return Task.CLASSIFICATION
