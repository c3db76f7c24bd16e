"""What each key of a project's TOML files means, for people and for editors. That none is missing is a test."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from enum import Enum
from typing import Any

from evertrain.adapters.project.schema import GroupFile, ModelFile, TomlTable, table_in


@dataclass(frozen=True, slots=True)
class Key:
    """`example`: as it would stand in the file. `default`: where it is not the same for all; empty where it is."""

    means: str
    example: str
    default: str = ""


GROUP_KEYS: Mapping[str, Key] = {
    "entity_key": Key("The column that names a row, together with its time.", 'entity_key = "trip_id"'),
    "event_time": Key("The column that says when a row happened.", 'event_time = "departed_at"'),
    "owner": Key("Who answers for these rows.", 'owner = "flight-operations"'),
    "description": Key("What a row is.", 'description = "one row for each scheduled departure"'),
    "freshness": Key(
        "A person is called when no newer row has come for so long.", 'freshness = "3d"', "nobody is called"
    ),
    "time_zone": Key(
        "What a time without a zone means: UTC or a fixed offset.", 'time_zone = "+01:00"', "such times are refused"
    ),
    "batch.every": Key("How often a batch comes: what windows and triggers are counted in.", 'every = "7d"', "1d"),
    "batch.minimum_rows": Key("A batch with fewer rows is set aside.", "minimum_rows = 100"),
    "batch.maximum_rows": Key("A batch with more rows is set aside.", "maximum_rows = 50000", "no limit"),
    "format.separator": Key("What stands between the cells of a CSV file.", 'separator = ";"', "found in each file"),
    "format.decimal": Key(
        "What begins a number's fraction, where it is written as text.", 'decimal = ","', "found where it is certain"
    ),
    "format.thousands": Key(
        "What stands between a number's thousands, or none.", 'thousands = "."', "found where it is certain"
    ),
    "format.encoding": Key(
        "Of text files, by the name that Python has for it.",
        'encoding = "cp1252"',
        "UTF-8, UTF-16 with its mark, else Windows-1252",
    ),
    "format.dates": Key(
        "day_first, month_first, or a pattern of strptime; ISO 8601 is always read.",
        'dates = "day_first"',
        "found where it is certain",
    ),
    "columns": Key("By its name, what a column holds.", 'distance = { kind = "numeric", minimum = 0 }'),
    "columns.*.kind": Key("numeric, categorical, boolean or timestamp.", 'kind = "categorical"'),
    "columns.*.nullable": Key("Whether values may be missing.", "nullable = true"),
    "columns.*.minimum": Key("A batch with a smaller number is set aside.", "minimum = 0", "no limit"),
    "columns.*.maximum": Key("A batch with a larger number is set aside.", "maximum = 24", "no limit"),
    "columns.*.maximum_missing": Key(
        "The share of a batch's values that may be missing, 0 to 1.", "maximum_missing = 0.2", "any"
    ),
    "columns.*.description": Key("What it is, and in which unit.", 'description = "miles"'),
}

MODEL_KEYS: Mapping[str, Key] = {
    "title": Key("What the model is for, in a sentence.", 'title = "Will a trip be late?"', "its name"),
    "task": Key("classification or regression.", 'task = "regression"', "the metric's; else classification"),
    "metric": Key(
        "What models are judged by: its scikit-learn name, or a function in models/NAME/metric.py.",
        'metric = "log_loss"',
        "roc_auc_score, of more than two classes brier_score_loss, of numbers mean_absolute_error",
    ),
    "quantile": Key("Of mean_pinball_loss: which is predicted.", "quantile = 0.9", "0.5"),
    "features": Key(
        "By feature group, the columns that are drawn from it; the first group's rows are predicted.",
        'trips = ["distance", "carrier"]',
    ),
    "features.*.columns": Key("The columns, where other keys are needed.", 'columns = ["wind", "rain"]'),
    "features.*.key": Key(
        "Of a joined group: the own group's column that holds its key.", 'key = "airport"', "the first group has none"
    ),
    "features.*.maximum_age": Key(
        "Of a joined group: older values count as missing.", 'maximum_age = "6h"', "the first group has none"
    ),
    "features.*.known_by": Key(
        "Of a joined group: by when a value has to be known: training, or event.", 'known_by = "event"', "training"
    ),
    "label.name": Key("The column of labels.", 'name = "late"'),
    "label.latency": Key("How long after its row a label is known, for nearly every row.", 'latency = "7d"'),
    "label.classes": Key(
        "How labels name the classes of a classification: two, the one last whose probability is predicted; or up to "
        "50, the probability of each is predicted.",
        'classes = ["no", "yes"]',
        "0 and 1",
    ),
    "label.absent": Key(
        "What a row without a label counts as, once its latency has passed.", "absent = 0", "unknown, and not used"
    ),
    "label.minimum_coverage": Key(
        "A day with a smaller share of labels ends what counts as complete.", "minimum_coverage = 0.9", "any share"
    ),
    "label.of_predictions": Key("Whether labels may name a prediction.", "of_predictions = true"),
    "training.windows": Key(
        "What is trained on, each as a candidate: a length, expanding, or since_change.",
        'windows = ["28d", "expanding"]',
        "8 and 32 batches, expanding, since_change",
    ),
    "training.validation": Key("The rows that choose among candidates.", 'validation = "5d"', "5 batches"),
    "training.gate": Key("The newest rows, that judge.", 'gate = "7d"', "5 batches"),
    "training.embargo": Key("Between training and validation.", 'embargo = "7d"', "label.latency"),
    "training.minimum_rows": Key("A window with fewer is not trained on.", "minimum_rows = 5000", "150"),
    "training.search.parameters": Key(
        "By argument of make_estimator, the values that are tried with each window.",
        "parameters = { depth = [3, 5] }",
    ),
    "training.search.method": Key(
        "grid, or halving: all on few rows, the better ones on more.", 'method = "halving"'
    ),
    "training.search.concurrency": Key("Candidates that are trained at once.", "concurrency = 4"),
    "training.spot": Key("Whether containers run on spare capacity first.", "spot = false"),
    "training.refit": Key("Whether what passed is fitted once more on all rows with a label.", "refit = false"),
    "training.label_weights": Key(
        "With endpoint.explore: whether training weighs labelled rows for those without a label.",
        "label_weights = false",
    ),
    "gate.margin": Key(
        "How much worse a contender may be, in units of the metric.",
        "margin = 0.01",
        "0.02 of a score; a twentieth of a constant prediction's loss",
    ),
    "gate.floor": Key("What a first model has to reach.", "floor = 0.6", "what a constant prediction scores"),
    "gate.confidence": Key("Of the interval of the difference, two-sided.", "confidence = 0.95"),
    "gate.superiority": Key("Whether only what is shown to be better passes.", "superiority = true"),
    "gate.guards": Key(
        "By other metrics, or expected_calibration_error: how much worse a contender may be in them.",
        "guards = { log_loss = 0.01, expected_calibration_error = 0.02 }",
    ),
    "gate.minimum_rows": Key("With fewer to judge on, a retraining is postponed.", "minimum_rows = 500"),
    "gate.minimum_days": Key("With rows of fewer days, too.", "minimum_days = 3"),
    "gate.approval": Key(
        "Whether what passes waits for a person: `evertrain approve MODEL`, or `evertrain reject MODEL`.",
        "approval = true",
    ),
    "gate.approval_timeout": Key(
        "Without an answer for so long, in real time, it is held: the champion stays, and the loop goes on.",
        'approval_timeout = "36h"',
        "7d",
    ),
    "gate.slices": Key("Groups on which a contender must not be shown to be worse.", "[[gate.slices]]"),
    "gate.slices.column": Key("The column whose levels are the groups.", 'column = "origin"'),
    "gate.slices.margin": Key("How much worse a group may become, in units of the metric.", "margin = 0.05"),
    "gate.slices.minimum_rows": Key("Groups with fewer rows are not judged.", "minimum_rows = 500"),
    "triggers.every": Key("A retraining is due so long after the last.", 'every = "28d"', "32 batches"),
    "triggers.rows_grown_by": Key(
        "Or when so many times the rows of the last training have labels; inf for never.", "rows_grown_by = 3.0"
    ),
    "triggers.cooldown": Key("After a retraining, no other for so long.", 'cooldown = "7d"', "4 batches"),
    "triggers.labels_overdue_after": Key(
        "A person is called when rows have drifted and no label has come for so long.",
        'labels_overdue_after = "14d"',
        "8 batches, at least 14d, and label.latency",
    ),
    "triggers.rejections_before_escalation": Key(
        "A person is called after so many refused contenders in a row.", "rejections_before_escalation = 3"
    ),
    "triggers.quarantines_before_escalation": Key(
        "A person is called after so many batches in a row were set aside.", "quarantines_before_escalation = 2"
    ),
    "triggers.retrainings_per_month": Key(
        "At most so many within 30 days.", "retrainings_per_month = 4", "as many as are called for"
    ),
    "triggers.quiet": Key("Days of the year without retrainings.", 'quiet = ["12-20 to 01-06"]', "none"),
    "triggers.drift.drifted_batches": Key("Drift calls for a retraining when so many", "drifted_batches = 4"),
    "triggers.drift.of_last": Key("of the last so many batches drifted.", "of_last = 5"),
    "triggers.drift.rule": Key(
        "calibrated: more than chance and the difference of days explain. conventional: a PSI above the threshold.",
        'rule = "conventional"',
    ),
    "triggers.drift.psi_threshold": Key(
        "Less drift does not matter; in nats.", "psi_threshold = 0.25", "0.1 where days could be compared, else 0.2"
    ),
    "triggers.drift.minimum_rows": Key("A batch with fewer rows is not judged.", "minimum_rows = 50"),
    "triggers.drift.minimum_features": Key("So many features have to drift.", "minimum_features = 2"),
    "triggers.drift.quarantine_faults": Key(
        "Whether what looks like the feed's fault is set aside.", "quarantine_faults = false"
    ),
    "cost.retraining": Key("Of one, with review and risk, in any currency.", "retraining = 40.0", "not known"),
    "cost.container_hour": Key("Of a training container.", "container_hour = 0.1"),
    "cost.worth_per_row": Key(
        "How much more a row's prediction is worth if the metric is better by 1.", "worth_per_row = 0.02", "not known"
    ),
    "cost.per_month": Key("No more is spent within 30 days.", "per_month = 200.0", "no limit"),
    "endpoint.log_share": Key("The share of requests that is kept with their answers, 0 to 1.", "log_share = 0.1"),
    "endpoint.explore": Key(
        "The share of predictions that the caller is asked not to act on, 0 to 1.", "explore = 0.05"
    ),
    "endpoint.tier": Key(
        "flat: served as data, by the standard library. sklearn: by scikit-learn itself, which takes any estimator "
        "and is slower and larger; `evertrain check` says what it costs.",
        'tier = "sklearn"',
    ),
    "rollout.steps": Key(
        "The share of requests that a contender answers, step by step; a first step of 0 asks it without answering.",
        "steps = [0.0, 0.1, 1.0]",
    ),
    "rollout.bake": Key(
        "How long each step lasts at least; in the embedded cloud 20 seconds, unless `-c bake=SECONDS` chooses.",
        'bake = "6h"',
    ),
    "rollout.slow_after_ms": Key(
        "An answer that takes longer counts as slow, in milliseconds; cold starts aside.", "slow_after_ms = 200"
    ),
    "task_size.cpu": Key("Of a training container, 1024 for a processor.", "cpu = 2048", "from rows and columns"),
    "task_size.memory_mib": Key("Of a training container, MiB.", "memory_mib = 8192", "from rows and columns"),
}


def declared_keys(cls: type[TomlTable], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """By their place, all keys that a file may have, with their fields; `*` stands for a name of one's own."""
    for name, field in cls.model_fields.items():
        inner, is_named = table_in(field.annotation), str(field.annotation).startswith("dict[")
        if inner is None or is_named or str(field.annotation).startswith("list["):
            yield f"{prefix}{name}", field
        if inner is not None:
            yield from declared_keys(inner, f"{prefix}{name}.*." if is_named else f"{prefix}{name}.")


def json_schema(cls: type[TomlTable], keys: Mapping[str, Key]) -> dict[str, Any]:
    """As editors complete and check such a file by."""
    schema = deepcopy(cls.model_json_schema())
    schema["title"] = "model.toml" if cls is ModelFile else "features/<group>.toml"
    for place, key in keys.items():
        _find(schema, place)["description"] = f"{key.means}\n\n{key.example}"
    return schema


def schema_files() -> dict[str, str]:
    """By name, what editors read: the first line of each TOML file leads there."""
    return {
        f"{name}.schema.json": json.dumps(json_schema(cls, keys), indent=1) + "\n"
        for name, cls, keys in (("group", GroupFile, GROUP_KEYS), ("model", ModelFile, MODEL_KEYS))
    }


def _find(schema: dict[str, Any], place: str) -> dict[str, Any]:
    """The part of the schema that a key's place leads to."""
    part = schema
    for name in place.split("."):
        part = _resolved(schema, part)
        part = part["additionalProperties"] if name == "*" else part["properties"][name]
    return part


def _resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """The table that a part is, refers to, or may be."""
    if "$ref" in part:
        found: dict[str, Any] = schema["$defs"][part["$ref"].rpartition("/")[2]]
        return _resolved(schema, found)
    if "items" in part:
        return _resolved(schema, part["items"])
    several = part.get("anyOf", part.get("allOf", []))
    tables = [_resolved(schema, each) for each in several if each.get("type") not in ("null", "array", "string")]
    return tables[0] if tables else part


def reference_page() -> str:
    """Markdown: every key with what it means, its default and an example."""
    parts = [
        "# Every key of a project's files",
        "Made from `evertrain/adapters/project/schema.py` and `keys.py` by `make reference`. Lengths of time are "
        'such as "28d", "36h" or "90m". `evertrain init` writes both files from your own rows.',
        *_tables("features/<group>.toml", GroupFile, GROUP_KEYS),
        *_tables("models/<name>/model.toml", ModelFile, MODEL_KEYS),
    ]
    return "\n\n".join(parts) + "\n"


def _tables(file: str, cls: type[TomlTable], keys: Mapping[str, Key]) -> Iterator[str]:
    yield f"## `{file}`"
    fields = dict(declared_keys(cls))
    lines = ["| key | means | default | example |", "|---|---|---|---|"]
    for place, key in keys.items():
        shown = place.replace("*", "NAME")
        lines.append(f"| `{shown}` | {key.means} | {key.default or _default(fields[place])} | `{key.example}` |")
    yield "\n".join(lines)


def _default(field: Any) -> str:
    if field.is_required():
        return "**needed**"
    value = field.default
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value in ("", None, (), {}, []) else f"{value}"
