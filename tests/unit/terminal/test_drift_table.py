"""What `evertrain drift` prints says why a feature is called stable."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import evertrain
from evertrain.reports.drift_page import DriftPage
from evertrain.terminal.drift_table import WITHIN_DAYS, show_drift


def a_page(*, limit: float | None, drifted: bool) -> DriftPage:
    """Of `wind`, which lies half a standard deviation higher; the training days are told apart by up to `limit`."""
    rng = np.random.default_rng(0)
    before, after = (pd.DataFrame({"wind": rng.normal(mean, 1.0, 3_000)}) for mean in (0.0, 0.5))
    page = evertrain.drift(before, after).page
    (wind,) = page.findings.features
    assert wind.psi > wind.threshold
    judged = replace(wind, wasserstein_limit=limit, drifted=drifted)
    return replace(page, findings=replace(page.findings, features=(judged,)))


@pytest.mark.parametrize(
    ("limit", "drifted", "is_told"),
    [(0.8, False, True), (None, True, False), (0.2, True, False)],
    ids=["days lie as far", "nothing known of days", "days lie nearer"],
)
def test_beyond_the_psi_and_within_the_days_is_stable_and_the_table_says_why(
    limit: float | None, drifted: bool, is_told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    show_drift(a_page(limit=limit, drifted=drifted), html=None)
    printed = " ".join(capsys.readouterr().out.split())
    assert (WITHIN_DAYS in printed) == is_told
    assert ("drifted" in printed.partition("features drifted")[0]) == drifted
