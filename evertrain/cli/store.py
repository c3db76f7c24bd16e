"""Commands that read the feature store: rows as of a time, a version's training rows, how labels come in."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evertrain.adapters.project.files import load_project
from evertrain.adapters.stage import Stage
from evertrain.cli.models import find_model
from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.batches import Feed, FeedKind
from evertrain.domain.landing.feeds import CLOCK_SKEW, all_feeds, key_column, label_feeds
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.model import Project
from evertrain.domain.store.labels import label_tables
from evertrain.scoring.rows import read_time
from evertrain.terminal import show
from evertrain.use_cases.deciding.model_status import label_status

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_READ = 200_000
"""At least so many rows are read before it is checked whether they are enough."""

BEGINNING, END = datetime(1900, 1, 1, tzinfo=UTC), datetime(2500, 1, 1, tzinfo=UTC)


class UnknownFeed(EvertrainError):
    """The store has no table of that name."""

    exit_status = 2


class InvalidTime(EvertrainError):
    """Not an ISO 8601 time, or one that is still to come."""

    exit_status = 2


class TrainingRowsChanged(EvertrainError):
    """The store no longer gives the rows that the version was trained on."""


def features(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="a feature group, labels/MODEL, predictions/MODEL or prediction_labels/MODEL; "
            "without it, the groups that there are",
        ),
    ] = "",
    as_of: Annotated[
        str | None, typer.Option(help="What was known then: an ISO 8601 time, UTC. Default: now.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Rows with events from this time on.")] = None,
    until: Annotated[str | None, typer.Option(help="Rows with events before this time.")] = None,
    head: Annotated[int, typer.Option(min=1, max=10_000, help="Show so many rows.")] = 10,
    history: Annotated[bool, typer.Option("--history", help="Also what was corrected later.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write all rows to this Parquet file.")] = None,
    stage: Annotated[str, typer.Option("--stage", envvar="EVERTRAIN_STAGE", help="Which deployment.")] = "dev",
    project: Annotated[Path, typer.Option("--project", help="The folder with models/ and features/.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read a table of the feature store as it was known at a time: of corrected rows, the last one known then."""
    loaded = load_project(project)
    if not name:
        _list_groups(loaded, as_json=as_json)
        return
    feed, deployed = _find_feed(loaded, name), Stage.find(stage)
    parts = deployed.rows_in_parts(
        feed,
        Interval(start=parse_time("--since", since) or BEGINNING, end=parse_time("--until", until) or END),
        known_at=parse_time("--as-of", as_of) or deployed.now(),
        max_rows=ROWS_PER_READ,
    )
    key = "" if history else key_column(feed, loaded)
    table, is_all = _read_parts(parts, key=key, enough=None if out is not None else head)
    if out is not None:
        _write_parquet(table, out)
    if as_json:
        print(json.dumps(list(_json_rows(table.slice(0, head))), indent=2))
    else:
        show.rows(str(feed), table, head=head, is_all=is_all, out=out)


def _read_parts(parts: "Iterator[pa.Table]", *, key: str, enough: int | None) -> "tuple[pa.Table, bool]":
    """Reads parts until there are enough rows; also whether these are all.

    `key`: of the corrections of a row, only the last is kept. They have the same event time, so they are in one part.
    """
    import pyarrow as pa  # noqa: PLC0415  # few commands need it

    from evertrain.tables.point_in_time import latest_known  # noqa: PLC0415

    found: list[pa.Table] = []
    for part in parts:
        if enough is not None and sum(table.num_rows for table in found) >= enough:
            return pa.concat_tables(found), False
        found.append(latest_known(part, key=key) if key else part)
    return pa.concat_tables(found), True


def _list_groups(project: Project, *, as_json: bool) -> None:
    users = {
        name: [spec.name for spec in project.models.values() if name in {group.name for group in spec.groups}]
        for name in project.groups
    }
    if as_json:
        from evertrain.adapters.documents import dump  # noqa: PLC0415

        groups = [json.loads(dump(group)) | {"models": users[group.name]} for group in project.groups.values()]
        print(json.dumps(groups, indent=2))
    else:
        show.groups(project.groups.values(), users)


def training_set(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="a folder below models/")],
    version: Annotated[str, typer.Argument(metavar="VERSION", help="of the model; the champion's by default")] = "",
    out: Annotated[Path | None, typer.Option(help="Write the rows to this Parquet file.")] = None,
    stage: Annotated[str, typer.Option("--stage", envvar="EVERTRAIN_STAGE", help="Which deployment.")] = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read the rows that a version was trained on again, and prove by their digest that they are the same."""
    from evertrain.tables.digest import table_digest  # noqa: PLC0415

    deployed = Stage.find(stage)
    registered, table = deployed.training_rows(model, version)
    found, wanted = table_digest(table), registered.training_set.sha256
    if found != wanted:
        raise TrainingRowsChanged(
            f"{model} {registered.version}: {table.num_rows:,} rows with digest {found[:12]} are there, "
            f"it was trained on {registered.training_set.count:,} with {wanted[:12]}"
        )
    if out is not None:
        _write_parquet(table, out)
    if as_json:
        print(json.dumps({"version": registered.version, "rows": table.num_rows, "sha256": found}, indent=2))
    else:
        show.training_set(registered, out=out)


def labels(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="a folder below models/")],
    days: Annotated[int, typer.Option(min=1, max=90, help="Show so many days.")] = 14,
    stage: Annotated[str, typer.Option("--stage", envvar="EVERTRAIN_STAGE", help="Which deployment.")] = "dev",
    project: Annotated[Path, typer.Option("--project", help="The folder with models/ and features/.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how a model's labels come in: how late, for how many rows, and up to when they are complete."""
    spec, deployed = find_model(load_project(project), model), Stage.find(stage)
    now = deployed.now()
    progress = deployed.measure_label_progress(spec, now=now)
    tables = {feed: deployed.tables.get(feed) for feed in label_feeds(spec)}
    status = label_status(spec, label_tables(spec, tables), progress, now=now)
    if as_json:
        from evertrain.adapters.documents import dump  # noqa: PLC0415

        print(json.dumps(json.loads(dump(status)), indent=2))
    else:
        show.label_status(status, days=days)


def _find_feed(project: Project, name: str) -> Feed:
    kind, slash, rest = name.partition("/")
    known = {str(feed): feed for feed in all_feeds(project)}
    wanted = name if slash and kind in tuple(FeedKind) and rest else f"{FeedKind.FEATURES.value}/{name}"
    if wanted not in known:
        short = [str(feed).removeprefix("features/") for feed in known.values()]
        raise UnknownFeed(f"there is no table {name}; there are {', '.join(short)}")
    return known[wanted]


def parse_time(option: str, value: str | None) -> datetime | None:
    """Raises InvalidTime."""
    if value is None:
        return None
    time = read_time(value)
    if time is None:
        raise InvalidTime(f"{option} {value}: an ISO 8601 time such as 2013-04-01 or 2013-04-01T06:00Z")
    return time


def parse_past_time(option: str, value: str | None, *, now: datetime) -> datetime | None:
    """Raises InvalidTime, also for what nobody knows yet; a clock that is a little ahead is borne."""
    time = parse_time(option, value)
    if time is not None and time > now + CLOCK_SKEW:
        raise InvalidTime(f"{option} {value}: is in the future; name a time before {now:%Y-%m-%d %H:%M} UTC")
    return time


def _write_parquet(table: "pa.Table", out: Path) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415

    pq.write_table(table, out, compression="zstd")


def _json_rows(table: "pa.Table") -> Iterator[dict[str, Any]]:
    for row in table.to_pylist():
        yield {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
