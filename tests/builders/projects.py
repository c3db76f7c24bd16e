"""A project's folder on disk: the group and the model of `history_frame`, with an estimator that fits in a blink."""

from pathlib import Path

GROUP = """\
entity_key = "trip_id"
event_time = "departed_at"
time_zone = "UTC"

[columns]
wind = { kind = "numeric" }
load = { kind = "numeric" }
carrier = { kind = "categorical" }
"""

MODEL = """\
title = "Will a trip be late?" # as people ask
task = "classification"
metric = "roc_auc_score"

[features]
trips = ["wind", "load", "carrier"]

[label]
name = "late"
latency = "2d"

[triggers]
every = "28d" # once a month is what the team can review
cooldown = "4d"

[training]
windows = ["7d"]
validation = "3d"
gate = "3d"
embargo = "2d"
minimum_rows = 100

[gate]
margin = 0.05
floor = 0.5
"""

ESTIMATOR = """\
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


def make_estimator(seed):
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["carrier"]), ("passthrough", ["wind", "load"])
    )
    return make_pipeline(encode, LogisticRegression(random_state=seed))
"""


def a_project_folder(root: Path) -> Path:
    """`root` with features/trips.toml and models/trips/."""
    for path, text in (
        ("features/trips.toml", GROUP),
        ("models/trips/model.toml", MODEL),
        ("models/trips/estimator.py", ESTIMATOR),
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root
