"""NannyML's univariate drift: KS, Jensen-Shannon and Wasserstein for numbers, chi-squared and JS for text."""

import warnings
from typing import Any

import pandas as pd
from nannyml import UnivariateDriftCalculator
from timing import report

warnings.filterwarnings("ignore")


def prepare(before: str, after: str) -> Any:
    frame = pd.read_parquet(before)
    calculator = UnivariateDriftCalculator(
        column_names=list(frame),
        treat_as_categorical=[name for name in frame if frame[name].dtype == object],
        continuous_methods=["kolmogorov_smirnov", "jensen_shannon", "wasserstein"],
        categorical_methods=["chi2", "jensen_shannon"],
        chunk_number=1,
    )
    calculator.fit(frame)
    return calculator, pd.read_parquet(after)


def work(prepared: Any) -> Any:
    calculator, after = prepared
    return calculator.calculate(after)


report(prepare, work)
