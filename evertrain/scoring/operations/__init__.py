"""What a step of a flat model may do, by name. Standard library only."""

from collections.abc import Mapping

from evertrain.scoring.operations import arithmetic, combining, encoders, trees
from evertrain.scoring.steps import Operation

OPERATIONS: Mapping[str, Operation] = {
    each.__name__: each
    for each in (
        encoders.number,
        encoders.code,
        encoders.one_hot,
        encoders.fill_text,
        encoders.is_missing,
        arithmetic.fill,
        arithmetic.add,
        arithmetic.subtract,
        arithmetic.multiply,
        arithmetic.divide,
        arithmetic.above,
        arithmetic.at_least,
        arithmetic.at_most,
        arithmetic.yeo_johnson,
        arithmetic.box_cox,
        arithmetic.float32,
        arithmetic.function,
        arithmetic.bins,
        arithmetic.interpolate,
        arithmetic.quantile,
        combining.linear,
        combining.products,
        combining.softmax,
        combining.share,
        combining.by_norm,
        combining.gaussian,
        combining.weighted_median,
        trees.trees,
    )
}
