"""A broken TOML file is told by file, key and what is allowed; nothing is guessed."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from evertrain.adapters.documents import dump, load
from evertrain.adapters.project.files import InvalidProject, load_project
from evertrain.domain.project.defaults import default_training, default_triggers
from evertrain.domain.project.feature_group import FeatureKind, KnownBy
from evertrain.domain.project.metric import Metric, OwnMetric, PinballLoss, Task
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.project.policies import GatePolicy

REPOSITORY = Path(__file__).parents[4]

GROUP = """
entity_key = "trip_id"
event_time = "departed_at"

[columns]
distance = { kind = "numeric", minimum = 0 }
carrier = { kind = "categorical" }
"""

MODEL = """
title = "Will a trip be late?"
task = "classification"
metric = "roc_auc_score"

[features]
trips = ["distance", "carrier"]

[label]
name = "late"
latency = "3d"

[training]
windows = ["28d", "14d"]
validation = "5d"
gate = "7d"
embargo = "3d"

[gate]
margin = 0.01
floor = 0.55
"""


def a_project(root: Path, *, group: str = GROUP, model: str = MODEL) -> Path:
    for path, text in (("features/trips.toml", group), ("models/late_trips/model.toml", model)):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def faults_of(root: Path) -> tuple[str, ...]:
    with pytest.raises(InvalidProject) as raised:
        load_project(root)
    return raised.value.faults


def without_line(fault: str) -> str:
    return re.sub(r"\.toml:\d+:", ".toml:", fault)


MINIMAL = """
[features]
trips = ["distance", "carrier"]

[label]
name = "late"
latency = "3d"
"""


def test_features_a_label_and_its_latency_are_enough(tmp_path: Path) -> None:
    model = load_project(a_project(tmp_path, model=MINIMAL)).models["late_trips"]
    assert (model.title, model.task, model.metric) == ("late_trips", Task.CLASSIFICATION, Metric.ROC_AUC_SCORE)
    assert model.training == default_training(timedelta(days=1), latency=timedelta(days=3))
    assert model.triggers == default_triggers(timedelta(days=1), latency=timedelta(days=3))
    assert model.gate == GatePolicy()
    assert load(ModelSpec, dump(model)) == model

    error = load_project(a_project(tmp_path, model=MINIMAL.replace("[features]", 'task = "regression"\n[features]')))
    assert error.models["late_trips"].metric is Metric.MEAN_ABSOLUTE_ERROR


def test_what_is_not_said_follows_from_how_often_batches_come(tmp_path: Path) -> None:
    group = GROUP.replace("[columns]", '[batch]\nevery = "7d"\n[columns]')
    model = MINIMAL + '[triggers]\ncooldown = "10d"\n[training]\nminimum_rows = 400\n'
    weekly = load_project(a_project(tmp_path, group=group, model=model)).models["late_trips"]
    assert (weekly.triggers.every, weekly.triggers.cooldown) == (timedelta(days=32 * 7), timedelta(days=10))
    assert weekly.training.windows == (timedelta(days=8 * 7), timedelta(days=32 * 7))
    assert (weekly.training.embargo, weekly.training.minimum_rows) == (timedelta(days=3), 400)


def test_all_that_is_wrong_is_told_at_once_with_its_line_and_an_example(tmp_path: Path) -> None:
    model = """title = "Late trips"

[features]
trips = ["distance", "carrier"]

[label]
latency = "3 days"

[[gate.slices]]
column = "carrier"
margin = 0.1

[[gate.slices]]
margin = -1
"""
    group = 'event_time = "departed_at"\n[columns]\ndistance = { kind = "number" }\ncarrier = { nullable = true }\n'
    assert faults_of(a_project(tmp_path, group=group, model=model)) == (
        'features/trips.toml: entity_key: missing; such as entity_key = "trip_id"',
        "features/trips.toml:3: columns.distance.kind: input should be 'numeric', 'categorical', 'boolean' or "
        "'timestamp', not 'number'",
        'features/trips.toml:4: columns.carrier.kind: missing; such as kind = "numeric"',
        'models/late_trips/model.toml:6: label.name: missing; such as name = "late"',
        'models/late_trips/model.toml:7: label.latency: a duration is text such as "28d", "36h" or "90m", not '
        "'3 days'",
        'models/late_trips/model.toml:13: gate.slices.1.column: missing; such as column = "region"',
        "models/late_trips/model.toml:14: gate.slices.1.margin: input should be greater than or equal to 0, not -1",
    )


def test_a_model_folder_becomes_a_model_spec(tmp_path: Path) -> None:
    model = load_project(a_project(tmp_path)).models["late_trips"]
    assert model.metric is Metric.ROC_AUC_SCORE
    assert model.group.entity_key == "trip_id"
    assert [column.kind for column in model.features] == [FeatureKind.NUMERIC, FeatureKind.CATEGORICAL]
    assert model.training.windows == (timedelta(days=14), timedelta(days=28))
    assert model.triggers.drift.psi_threshold is None


def of_three_classes(metric: str = "") -> str:
    declared = MODEL.replace('name = "late"', 'name = "late"\nclasses = ["on time", "late", "lost"]')
    return declared.replace('metric = "roc_auc_score"', f'metric = "{metric}"' if metric else "")


def test_more_than_two_classes_are_judged_by_a_metric_that_a_rare_one_does_not_undo(tmp_path: Path) -> None:
    spec = load_project(a_project(tmp_path, model=of_three_classes())).models["late_trips"]
    assert spec.is_multiclass
    assert spec.prediction_columns == 3
    assert spec.task is Task.CLASSIFICATION
    assert spec.metric is Metric.BRIER_SCORE_LOSS
    assert spec.label.told(2.0) == "lost"


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (
            of_three_classes("roc_auc_score"),
            "metric: roc_auc_score is not a metric of classification of 3 classes; allowed: accuracy_score, "
            "balanced_accuracy_score, f1_macro_score, f1_weighted_score, roc_auc_ovr_score, "
            "roc_auc_ovr_weighted_score, log_loss, brier_score_loss, or a function in models/late_trips/metric.py",
        ),
        (
            of_three_classes().replace("[gate]", "[gate]\nguards = { f1_score = 0.1 }"),
            "gate.guards.f1_score: f1_score is not a metric of classification of 3 classes; allowed: accuracy_score",
        ),
        (
            of_three_classes().replace("[label]", "[endpoint]\nexplore = 0.1\n[label]\nof_predictions = true"),
            "endpoint.explore: weights labels by the probability of the second of two classes, and there are more",
        ),
        (
            MODEL.replace('name = "late"', 'name = "late"\nclasses = ["a", "b", "a"]'),
            "label.classes: one is named twice",
        ),
        (
            MODEL.replace('name = "late"', f'name = "late"\nclasses = {[f"c{number}" for number in range(51)]}'),
            "label.classes: 51 of them; name two, the one last whose probability is predicted, or up to 50",
        ),
        (
            MODEL.replace("roc_auc_score", "f1_macro_score"),
            "metric: f1_macro_score is not a metric of classification; allowed",
        ),
    ],
)
def test_what_does_not_suit_so_many_classes_is_told_with_what_does(tmp_path: Path, model: str, fault: str) -> None:
    faults = faults_of(a_project(tmp_path, model=model))
    assert any(without_line(found).startswith("models/late_trips/model.toml: " + fault) for found in faults), faults


def test_a_label_s_classes_are_named_and_what_is_absent_is_one_of_them(tmp_path: Path) -> None:
    named = MODEL.replace('name = "late"', 'name = "late"\nclasses = ["no", "yes"]\nabsent = "no"')
    label = load_project(a_project(tmp_path, model=named)).models["late_trips"].label
    assert (label.classes, label.absent, label.told(1.0)) == (("no", "yes"), 0.0, "yes")


def test_the_repository_s_own_models_are_valid() -> None:
    project = load_project(REPOSITORY)
    assert [model.name for model in project.models_using("flights")] == ["air_time", "flights"]


def test_a_function_in_the_model_s_folder_is_a_metric(tmp_path: Path) -> None:
    text = MODEL.replace("roc_auc_score", "cost_error")
    own = a_project(tmp_path, model=text) / "models/late_trips/metric.py"
    own.write_text("def cost_error(y_true, y_pred, sample_weight=None):\n    return 0.0\n")
    metric = load_project(tmp_path).models["late_trips"].metric
    assert metric == OwnMetric("cost_error", Task.CLASSIFICATION)
    assert not metric.higher_is_better

    a_project(tmp_path, model=text.replace("margin = 0.01\n", ""))
    (missing,) = faults_of(tmp_path)
    assert "gate.margin: missing; how much worse a contender may be in cost_error is not known" in missing
    own.write_text("def cost_error(:")
    assert (
        "metric: models/late_trips/metric.py is not Python: line 1" in faults_of(a_project(tmp_path, model=text))[0]
    )


def test_a_pinball_loss_has_its_quantile(tmp_path: Path) -> None:
    for declared, quantile in (("", 0.5), ("\nquantile = 0.9", 0.9)):
        text = MODEL.replace('task = "classification"\n', "").replace(
            'metric = "roc_auc_score"', f'metric = "mean_pinball_loss"{declared}'
        )
        model = load_project(a_project(tmp_path, model=text)).models["late_trips"]
        assert (model.task, model.metric) == (Task.REGRESSION, PinballLoss(quantile))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("margin = 0.01", "marign = 0.01", "gate.marign: unknown key; allowed here: margin, floor, confidence"),
        ('name = "late"\n', "", 'label.name: missing; such as name = "late"'),
        ('name = "late"', 'name = "late"\nclasses = ["yes"]', "label.classes: 1 of them; name two"),
        (
            'name = "late"',
            'name = "late"\nclasses = ["no", ""]',
            "label.classes.1: string should have at least 1 character",
        ),
        (
            'name = "late"',
            'name = "late"\nclasses = ["no", "yes"]\nabsent = "maybe"',
            "label.absent: maybe is no class",
        ),
        ('name = "late"', 'name = "late"\nabsent = "no"', "label.absent: no is no number; name the label's classes"),
        ('latency = "3d"', "latency = 3", 'label.latency: a duration is text such as "28d"'),
        ('latency = "3d"', 'latency = "0d"', "label.latency: a duration is text"),
        ('task = "classification"', 'task = "ranking"', "task: input should be 'classification' or 'regression'"),
        ("roc_auc_score", "mean_absolute_error", "metric: mean_absolute_error is not a metric of classification"),
        (
            'trips = ["distance"',
            'trips = ["distanec"',
            "features.trips: 'distanec' is no column of features/trips.toml",
        ),
        ('trips = ["distance"', 'trips = ["carrier"', "features: 'carrier' is named twice"),
        ("trips = [", "rides = [", "features.rides: there is no features/rides.toml; known groups: trips"),
        ('name = "late"', 'name = "carrier"', "label.name: 'carrier' is a column of features/trips.toml already"),
        ('windows = ["28d", "14d"]', 'windows = ["28d", "28d"]', "training.windows: a window is named twice"),
        (
            'embargo = "3d"',
            'embargo = "36h"',
            "training.embargo: 36h is shorter than label.latency 3d: labels of the last rows before validation would "
            "not have been known yet; declare at least 3d",
        ),
        ('windows = ["28d", "14d"]', "windows = []", "training.windows: list should have at least 1 item"),
        (
            "[gate]",
            "[task_size]\ncpu = 1000\n[gate]",
            "task_size.cpu: 1000 is not offered by Fargate; allowed: 256, 512",
        ),
        (
            "[gate]",
            "[task_size]\ncpu = 256\n[gate]",
            "task_size.memory_mib: not 4096 with cpu 256; allowed: 512, 1024",
        ),
        (
            "[gate]",
            "[triggers.drift]\ndrifted_batches = 6\n[gate]",
            "triggers.drift.drifted_batches: 6 of the last 5 can never be",
        ),
        (
            "floor = 0.55",
            'floor = 0.55\napproval = true\napproval_timeout = "100d"',
            "gate.approval_timeout: at most 90d; nothing else is trained while a contender waits",
        ),
        (
            "floor = 0.55",
            'floor = 0.55\n[[gate.slices]]\ncolumn = "distance"\nmargin = 0.1',
            "gate.slices.0.column: 'distance' cannot be sliced by; allowed: carrier",
        ),
        ("roc_auc_score", "auc", "metric: auc is none of roc_auc_score, average_precision_score, "),
        (
            "roc_auc_score",
            "cost_error",
            "metric: cost_error is none of scikit-learn's that are known, and models/late_trips/metric.py has no def",
        ),
        (
            "roc_auc_score",
            "mean_pinball_loss",
            "metric: mean_pinball_loss is not a metric of classification; allowed:",
        ),
        ('metric = "roc_auc_score"', 'metric = "log_loss"\nquantile = 0.9', "quantile: says"),
        (
            "floor = 0.55",
            "floor = 0.55\nguards = { r2_score = 0.02 }",
            "gate.guards.r2_score: r2_score is not a metric of classification; allowed: average_precision_score, acc",
        ),
        (
            "floor = 0.55",
            "floor = 0.55\nguards = { roc_auc_score = 0.02 }",
            "gate.guards.roc_auc_score: roc_auc_score is the metric itself; gate.margin says how much worse it may",
        ),
        (
            "floor = 0.55",
            "floor = 0.55\nguards = { brier = 0.02 }",
            "gate.guards.brier: a guard is one of roc_auc_score, ",
        ),
        (
            "floor = 0.55",
            "floor = 0.55\nminimum_rows = 1",
            "gate.minimum_rows: input should be greater than or equal",
        ),
        (
            "floor = 0.55",
            "floor = 0.55\nminimum_days = 30",
            "gate.minimum_days: 30 days are never in a gate of 7d; declare a longer training.gate",
        ),
        (
            "[label]",
            '[triggers]\nquiet = ["20 Dec to 6 Jan"]\n[label]',
            'triggers.quiet.0: quiet days are such as "12-20 to 01-06"',
        ),
        ("[label]", "[triggers]\nretrainings_per_month = 0\n[label]", "triggers.retrainings_per_month: "),
        (
            "[label]",
            "[cost]\nworth_per_row = 2\n[label]",
            "cost.worth_per_row: says nothing without cost.retraining, what one costs in the same currency",
        ),
        (
            "[label]",
            "[cost]\nretraining = 40\nper_month = 30\n[label]",
            "cost.per_month: 30 is less than the 40 of a single retraining",
        ),
        ("[label]", "[cost]\nretraining = 0\n[label]", "cost.retraining: "),
        (
            "[label]",
            "[endpoint]\nexplore = 0.05\n[label]",
            "endpoint.explore: needs label.of_predictions = true, so that labels name what was predicted",
        ),
        (
            "[label]",
            "[endpoint]\nexplore = 0.05\n[label]\nof_predictions = true\nabsent = 0",
            "endpoint.explore: not with label.absent; a row whose label depends on what was done has none",
        ),
        (
            "[label]",
            "[endpoint]\nexplore = 0.05\nlog_share = 0\n[label]\nof_predictions = true",
            "endpoint.explore: nothing is learnt from answers that are not kept; log_share is 0",
        ),
        ("[label]", "[label", "not TOML"),
    ],
)
def test_a_fault_in_a_model_is_told_by_file_key_and_remedy(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert old in MODEL
    faults = faults_of(a_project(tmp_path, model=MODEL.replace(old, new)))
    assert any(without_line(found).startswith("models/late_trips/model.toml: " + fault) for found in faults), faults


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"trip_id"', '"distance"', "entity_key: 'distance' is declared in [columns] too"),
        ('"departed_at"', '"trip_id"', "entity_key: 'trip_id' is the event_time too"),
        ("distance =", "ingested_at =", "columns.ingested_at: the name is reserved"),
        ("minimum = 0", "minimum = 5, maximum = 1", "columns.distance.minimum: 5 is above the maximum 1"),
        (
            '"categorical"',
            '"categorical", minimum = 1',
            "columns.carrier: minimum and maximum are for numeric columns",
        ),
        ("minimum = 0", "maximum_missing = 0.1", "columns.distance.maximum_missing: the column is not nullable"),
        ("minimum = 0", "nullable = true, maximum_missing = 2", "columns.distance.maximum_missing: input should be"),
        ("[columns]", "freshness = 3\n[columns]", "freshness: a duration is text such as"),
        (
            "[columns]",
            'time_zone = "Europe/Berlin"\n[columns]',
            "time_zone: with daylight saving an hour of each autumn is ambiguous, and Lambda has no zone database: "
            'write the times with their offsets, or declare "UTC" or a fixed offset such as "+01:00", not \'Eur',
        ),
        (
            "[columns]",
            "time_zone = 1\n[columns]",
            'time_zone: what times without a zone mean is "UTC" or a fixed offset such as "+01:00", not 1',
        ),
        ("[columns]", 'time_zone = "+15:00"\n[columns]', "time_zone: what times without a zone mean is"),
        (
            "[columns]",
            "[batch]\nminimum_rows = 5\nmaximum_rows = 4\n[columns]",
            "batch.minimum_rows: 5 is above maximum_rows 4",
        ),
    ],
)
def test_a_fault_in_a_feature_group_is_told(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert old in GROUP
    first = faults_of(a_project(tmp_path, group=GROUP.replace(old, new)))[0]
    assert f"features/trips.toml: {fault}" in without_line(first)


@pytest.mark.parametrize(
    ("declared", "ahead"),
    [
        ("", None),
        ('time_zone = "UTC"', timedelta()),
        ('time_zone = "+05:30"', timedelta(hours=5.5)),
        ('time_zone = "-04:00"', timedelta(hours=-4)),
    ],
)
def test_a_group_says_what_times_without_a_zone_mean(tmp_path: Path, declared: str, ahead: timedelta | None) -> None:
    root = a_project(tmp_path, group=GROUP.replace("[columns]", f"{declared}\n[columns]"))
    model = load_project(root).models["late_trips"]
    assert model.group.utc_offset == ahead
    assert load(ModelSpec, dump(model)) == model  # as a training plan keeps it


def test_a_model_may_have_quiet_days_and_a_budget(tmp_path: Path) -> None:
    declared = (
        '[triggers]\nquiet = ["12-20 to 01-06", "07-04 to 07-04"]\nretrainings_per_month = 3\n'
        "[cost]\nretraining = 40\nper_month = 100\n[label]"
    )
    model = load_project(a_project(tmp_path, model=MODEL.replace("[label]", declared))).models["late_trips"]
    assert [str(days) for days in model.triggers.quiet] == ["12-20 to 01-06", "07-04 to 07-04"]
    assert model.triggers.retrainings_per_month == 3
    assert (model.cost.retraining, model.cost.per_month, model.cost.is_declared) == (40, 100, False)
    assert load(ModelSpec, dump(model)) == model


@pytest.mark.parametrize(("declared", "grown_by"), [("inf", None), ("1.5", 1.5)])
def test_growth_of_rows_may_never_call_for_a_retraining(
    tmp_path: Path, declared: str, grown_by: float | None
) -> None:
    triggers = f"[triggers]\nrows_grown_by = {declared}\n[label]"
    model = load_project(a_project(tmp_path, model=MODEL.replace("[label]", triggers))).models["late_trips"]
    assert model.triggers.rows_grown_by == grown_by
    assert load(ModelSpec, dump(model)) == model  # as a training plan keeps it


def test_a_name_that_no_bucket_key_could_carry_is_refused(tmp_path: Path) -> None:
    a_project(tmp_path)
    (tmp_path / "models/late_trips").rename(tmp_path / "models/Late-Trips")
    assert "the name 'Late-Trips' is not allowed" in faults_of(tmp_path)[0]


def test_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    a_project(tmp_path, group=GROUP.replace("numeric", "number"), model=MODEL.replace('"3d"', '"soon"', 1))
    assert [without_line(fault).split(":")[:2] for fault in faults_of(tmp_path)] == [
        ["features/trips.toml", " columns.distance.kind"],
        ["models/late_trips/model.toml", " label.latency"],
    ]


def test_a_broken_feature_group_is_not_told_as_a_missing_one(tmp_path: Path) -> None:
    assert len(faults_of(a_project(tmp_path, group=GROUP.replace("numeric", "number")))) == 1


def test_a_folder_without_models_is_told(tmp_path: Path) -> None:
    assert faults_of(tmp_path) == (
        "models/: no models/<name>/model.toml there; run this in the project's folder, or make one: "
        "evertrain init NAME --rows FILE",
    )


# --- several feature groups --------------------------------------------------------------------


WEATHER = """
entity_key = "station"
event_time = "observed_at"

[columns]
wind = { kind = "numeric", nullable = true }
"""

JOIN = """
[features.weather]
columns = ["wind"]
key = "carrier"
maximum_age = "3h"
known_by = "event"

[label]"""


def a_joined_project(root: Path, join: str = JOIN) -> Path:
    (root / "features").mkdir()
    (root / "features/weather.toml").write_text(WEATHER)
    return a_project(root, model=MODEL.replace("[label]", join))


def test_a_model_draws_from_several_groups(tmp_path: Path) -> None:
    project = load_project(a_joined_project(tmp_path))
    model = project.models["late_trips"]
    assert model.feature_names == ("distance", "carrier", "wind")
    assert [column.kind for column in model.features] == ["numeric", "categorical", "numeric"]
    assert (model.feature_names_from("trips"), model.feature_names_from("weather")) == (
        ("distance", "carrier"),
        ("wind",),
    )
    (joined,) = model.joined
    assert (joined.key, joined.maximum_age, joined.known_by) == ("carrier", timedelta(hours=3), KnownBy.EVENT)
    assert project.models_using("weather") == project.models_using("trips") == (model,)
    assert model.with_features(["wind", "gone"]) == model


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('key = "carrier"\n', "", "features.weather.key: missing; a group that is joined to trips needs it"),
        ('maximum_age = "3h"\n', "", "features.weather.maximum_age: missing; a group that is joined"),
        (
            '"carrier"',
            '"distance"',
            "features.weather.key: 'distance' is no key of features/trips.toml; allowed: trip",
        ),
        ('"wind"', '"gust"', "features.weather: 'gust' is no column of features/weather.toml; allowed: wind"),
        ('"event"', '"noon"', "features.weather.known_by: input should be 'training' or 'event', not 'noon'"),
        ("known_by", "know", "features.weather.know: unknown key; allowed here: columns, key, maximum_age, known_by"),
        (
            "features.weather",
            "features.tides",
            "features.tides: there is no features/tides.toml; known groups: trips",
        ),
    ],
)
def test_a_fault_in_a_join_is_told(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert old in JOIN
    (found,) = faults_of(a_joined_project(tmp_path, JOIN.replace(old, new)))
    assert without_line(found).startswith("models/late_trips/model.toml: " + fault)


def test_the_first_group_is_not_joined_to_itself(tmp_path: Path) -> None:
    model = MODEL.replace(
        'trips = ["distance", "carrier"]', 'trips = { columns = ["distance"], key = "trip_id", maximum_age = "1d" }'
    )
    faults = faults_of(a_project(tmp_path, model=model))
    told = "features.trips.key: not for the first group, whose rows are predicted; others are joined to it"
    assert faults[0].endswith(told)
    assert len(faults) == 2
