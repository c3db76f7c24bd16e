"""Gradient boosting over trees: takes categories and missing values as they come."""

from sklearn.ensemble import HistGradientBoostingClassifier


def make_estimator(*, seed: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_iter=60,
        max_leaf_nodes=15,
        min_samples_leaf=40,
        l2_regularization=1.0,
        categorical_features="from_dtype",
        random_state=seed,
    )
