"""The same kind of trees as for delays, for a number."""

from sklearn.ensemble import HistGradientBoostingRegressor


def make_estimator(*, seed: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        max_iter=60, max_leaf_nodes=15, min_samples_leaf=40, categorical_features="from_dtype", random_state=seed
    )
