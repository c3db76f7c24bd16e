"""The output of the commands for people: tables and sentences, by Rich."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from evertrain.domain.deciding.decisions import Action, RecordedDecision
from evertrain.domain.deciding.evidence import describe_pack
from evertrain.domain.landing.batches import COMPARISON_FAULT_CODES, Batch, Quarantine, TableState
from evertrain.domain.monitoring.decline import describe_decline
from evertrain.domain.monitoring.drift import DriftStatus, DriftVerdict
from evertrain.domain.monitoring.performance import loss_name
from evertrain.domain.project.duration import format_duration
from evertrain.domain.project.feature_group import FeatureGroup
from evertrain.domain.project.metric import ModelMetric, OwnMetric
from evertrain.domain.project.model import Project
from evertrain.domain.project.policies import Tier
from evertrain.domain.release.approvals import Approval
from evertrain.domain.release.registry import ModelVersion, VersionStatus
from evertrain.domain.release.rollout import Rollout
from evertrain.domain.training.outcomes import Outcome
from evertrain.reports.retraining_page import RetrainingPage
from evertrain.terminal.console import console
from evertrain.toolchain.own_libraries import BUNDLE_MIB
from evertrain.use_cases.deciding.check_stage import StageCheck
from evertrain.use_cases.deciding.model_status import LabelStatus, ModelStatus
from evertrain.use_cases.monitoring.performance_status import MeasuredDays, PerformanceStatus

if TYPE_CHECKING:
    import pyarrow as pa

    from evertrain.conversion.rehearsal import Rehearsal

_COLOURS = {
    Action.RETRAIN: "green",
    Action.HOLD: "yellow",
    Action.ESCALATE: "bold red",
    Action.ROLL_OUT: "green",
    VersionStatus.CHAMPION: "bold green",
    VersionStatus.REJECTED: "red",
    VersionStatus.HELD: "yellow",
    VersionStatus.ROLLED_BACK: "red",
    DriftStatus.DRIFTED: "red",
    DriftStatus.STABLE: "green",
}


def coloured(word: Action | VersionStatus | DriftStatus) -> str:
    colour = _COLOURS.get(word)
    text = word.value.replace("_", " ")
    return f"[{colour}]{text}[/]" if colour else text


def project(project: Project, served: Mapping[str, tuple["Rehearsal | None", str]]) -> None:
    """`served`: of each model what came of converting it, or why that is not known; one that is not there failed."""
    table = new_table("Models", "model", "predicts", "metric", "features", "windows")
    for name in sorted(project.models):
        spec = project.models[name]
        table.add_row(
            name,
            spec.title,
            spec.metric.value,
            f"{len(spec.feature_names)} of {', '.join(f'features/{group.name}.toml' for group in spec.groups)}",
            ", ".join([*map(format_duration, spec.training.windows), *spec.training.moving_windows]),
        )
    console.print(table)
    for name in sorted(served):
        rehearsed, told = served[name]
        if rehearsed is None:
            console.print(f"[yellow]{name} is not proven to be servable.[/] {escape(told)}")
        else:
            console.print(escape(_served(name, rehearsed)))
    if served.keys() == project.models.keys():
        console.print("Every file is valid, and every estimator can be made.")


def _served(name: str, rehearsed: "Rehearsal") -> str:
    told = (
        f"{name} can be served, by tier {rehearsed.tier} with a function of {BUNDLE_MIB[rehearsed.tier]:g} MiB: of "
        f"made-up rows, an artifact of {rehearsed.size / 1000:,.0f} kB answers in "
        f"{cost_of(rehearsed.seconds_a_row)} a row, as the estimator does"
        f"{f' to {rehearsed.parity:.0e}' if rehearsed.parity else ''}."
    )
    if rehearsed.tier is Tier.FLAT:
        return f"{told} {_explained(rehearsed)}"
    return f"{told} {f'Not flat: {rehearsed.not_flat}' if rehearsed.not_flat else _COULD_BE_FLAT}"


def cost_of(seconds: float) -> str:
    """
    >>> cost_of(0.00006), cost_of(0.0123)
    ('60 µs', '12 ms')
    """
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.0f} ms"


_COULD_BE_FLAT = 'It has a flat form too: without tier = "sklearn" it answers faster, from a smaller function.'


def _explained(rehearsed: "Rehearsal") -> str:
    if rehearsed.seconds_explained is None:
        return f"Its predictions cannot be explained: {rehearsed.explained}."
    seconds = rehearsed.seconds_explained
    return f"Its predictions can be explained, as {rehearsed.explained}, in {seconds * 1e3:,.2g} ms a row."


def stage_check(checked: StageCheck) -> None:
    for problem in checked.problems:
        console.print(f"[red]•[/] {escape(problem)}")
    if not checked.problems:
        count = checked.subscribers.confirmed
        told = "1 address is" if count == 1 else f"{count} addresses are"
        console.print(
            f"stage {checked.stage}: {told} told when a person is needed, nothing waits for one, and "
            f"{', '.join(checked.models)} answer as they should."
        )


def redriven(queue: str, count: int) -> None:
    if not count:
        console.print(f"Nothing waits in {queue}.")
        return
    console.print(f"{count} handed out again; `evertrain check --deployed` shows what comes back")


def landed(uri: str) -> None:
    console.print(f"landed at {uri}; `evertrain status` shows what becomes of it")


def accepted(batch: Batch, verdicts: Sequence[DriftVerdict]) -> None:
    console.print(f"[green]accepted[/] {batch.rows:,} rows of {batch.feed} as batch {batch.batch_id[:12]}")
    for verdict in verdicts:
        console.print(f"  {verdict.model}: {verdict_sentence(verdict)}")
        for fault in verdict.doubts:
            console.print(f"  {verdict.model}: [yellow]doubted[/]: {escape(fault.message)}")
        if verdict.doubts:
            console.print(
                f"  its rows are kept out of the training of {verdict.model} until the next batches decide, or you "
                f"do: `evertrain accept {batch.batch_id[:12]}` says that this is how it is now; `evertrain doubts` "
                "lists all"
            )


def quarantined(quarantine: Quarantine) -> None:
    console.print(
        f"[bold red]quarantined[/]: nothing of it reached the feature store. Kept at {quarantine.object_uri}"
    )
    for fault in quarantine.faults:
        console.print(f"  {fault.message}", markup=False)
    if all(fault.code in COMPARISON_FAULT_CODES for fault in quarantine.faults):
        console.print(f"If nothing is wrong with it: evertrain release {quarantine.batch_id[:12]}")
        console.print(f"If it is how it will be from now on: evertrain accept {quarantine.batch_id[:12]}")


def quarantines(found: Sequence[Quarantine]) -> None:
    if not found:
        console.print("Nothing is in quarantine.")
        return
    table = new_table("Quarantine", "batch", "set aside", "landed as", "because")
    for quarantine in found:
        because = "\n".join(escape(fault.message) for fault in quarantine.faults)
        table.add_row(
            quarantine.batch_id[:12], _format_time(quarantine.quarantined_at), quarantine.source_key, because
        )
    console.print(table)
    console.print(
        "`evertrain release BATCH` lands one again that you found nothing wrong with; `evertrain accept BATCH` says "
        "so of it and of all later ones like it."
    )


def released(quarantine: Quarantine) -> None:
    console.print(f"[green]released[/]: {quarantine.source_key} is landed again, and will be accepted")


def verdict_sentence(verdict: DriftVerdict) -> str:
    if verdict.status is DriftStatus.NO_REFERENCE:
        return verdict.trouble or "no champion yet to compare it with"
    if verdict.status is DriftStatus.TOO_FEW_ROWS:
        return f"{verdict.rows} rows are too few to say anything about drift"
    if verdict.status is DriftStatus.STABLE:
        return "stable"
    more = f"; and {len(verdict.sentences) - 3} more" if len(verdict.sentences) > 3 else ""
    return "drifted: " + "; ".join(verdict.sentences[:3]) + more


def statuses(found: Sequence[ModelStatus]) -> None:
    for status in found:
        table = Table(title=f"{status.model}: {status.title}", title_justify="left", show_header=False, box=None)
        table.add_column(style="dim")
        table.add_column()
        champion = status.champion
        table.add_row(
            "champion",
            f"{champion.version} since {_format_time(champion.since)}" if champion else "none yet: nothing answers",
        )
        table.add_row("endpoint", _endpoint(status))
        table.add_row("features", _state(status.features))
        table.add_row("labels", _state(status.labels))
        table.add_row(
            "last batches", " ".join(coloured(verdict.status) for verdict in reversed(status.verdicts)) or "none"
        )
        if status.verdicts and status.verdicts[0].trouble:
            table.add_row("not compared", f"[red]{escape(status.verdicts[0].trouble)}[/]")
        if status.consecutive_quarantines:
            table.add_row("quarantined", f"[red]{status.consecutive_quarantines} in a row[/]")
        if status.last_decision:
            decision = status.last_decision.decision
            description = (
                f"{coloured(decision.action)} on {_format_time(status.last_decision.decided_at)}: {decision.sentence}"
            )
            table.add_row("last decision", description)
        if status.last_outcome:
            table.add_row("last outcome", f"{status.last_outcome.name}: {status.last_outcome.sentence}")
        if status.last_outcome_taken_back:
            table.add_row("taken back", _taken_back(status))
        table.add_row("retraining", _retraining(status))
        console.print(table)


def _taken_back(status: ModelStatus) -> str:
    outcome, champion = status.last_outcome, status.champion
    if outcome is None or champion is None:
        return ""
    why = f": {escape(champion.because)}" if champion.because else ""
    since = _format_time(champion.since)
    return f"[red]{outcome.version} was rolled back[/], {champion.version} answers since {since}{why}"


def _retraining(status: ModelStatus) -> str:
    waits = status.waits_for_approval
    if waits is None:
        return "running" if status.retraining_running else "not running"
    return (
        f"[bold]{waits.version} waits for approval[/] until {_format_time(waits.expires_at)} UTC: "
        f"`evertrain approve {status.model}` or `evertrain reject {status.model}`"
    )


def _endpoint(status: ModelStatus) -> str:
    if status.live is None:
        return "not deployed"
    if status.rollout is not None:
        return _rollout(status.rollout)
    if status.champion_answers:
        return "the champion answers" if status.champion else "nothing answers yet"
    reason = "a rollout is under way" if status.retraining_running else "[red]not the champion[/]; it is mended soon"
    return f"function version {status.live} answers: {reason}"


def _rollout(rollout: Rollout) -> str:
    does = f"answers {rollout.share:.0%} of the requests"
    if rollout.is_shadow:
        does = "is asked what callers ask, without answering"
    return f"{rollout.version} {does}, since {_of_clock(rollout.step_began_at)}"


def _of_clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S} UTC"


def decisions(found: Sequence[RecordedDecision]) -> None:
    table = new_table("Decisions", "when", "decision", "because", "cause")
    for entry in found:
        decision = entry.decision
        table.add_row(_format_time(entry.decided_at), coloured(decision.action), decision.sentence, entry.cause[:24])
    console.print(table if found else "Nothing had to be decided yet.")


def retraining(page: RetrainingPage, *, out: Path) -> None:
    metric = page.evaluation.contender_score.metric.value
    table = new_table(
        f"{page.version.model} {page.version.version}", "candidate", "rows", f"{metric} on validation", "interval", ""
    )
    for each in page.competitors:
        score = each.score
        value, interval = (
            ("–", "–") if score is None else (f"{score.value:.4f}", f"{score.low:.4f} to {score.high:.4f}")
        )
        table.add_row(each.name, f"{each.rows:,}", value, interval, escape(each.description))
    console.print(table)
    console.print(f"the gate: {escape(page.version.gate.sentence)}")
    console.print(f"the whole of it is in {out}")


def groups(groups: Iterable[FeatureGroup], users: Mapping[str, Sequence[str]]) -> None:
    """`users`: by group, the models that draw from it."""
    shown = new_table(
        "Feature groups", "group", "owner", "what it is", "rows are of", "columns", "fresh for", "models"
    )
    for group in groups:
        shown.add_row(
            escape(group.name),
            escape(group.owner or "nobody"),
            escape(group.description),
            escape(f"{group.entity_key}, {group.event_time}"),
            str(len(group.columns)),
            format_duration(group.freshness) if group.freshness else "",
            escape(", ".join(users[group.name])),
        )
    console.print(shown)


def rows(feed: str, table: "pa.Table", *, head: int, is_all: bool, out: Path | None) -> None:
    description = f"{table.num_rows:,} rows" if is_all else f"the first {head:,} rows"
    shown = new_table(f"{feed}: {description}", *table.column_names)
    for row in table.slice(0, head).to_pylist():
        shown.add_row(*(escape(_format_cell(value)) for value in row.values()))
    console.print(shown if table.num_rows else f"{feed}: no rows")
    if out is not None:
        console.print(f"all of them are in {out}")


def training_set(version: ModelVersion, *, out: Path | None) -> None:
    of = version.training_set
    console.print(
        f"{version.model} {version.version} was trained on {of.count:,} rows, {_format_time(of.rows.start)} to "
        f"{_format_time(of.rows.end)} UTC, as known at {_format_time(of.known_at)}: "
        f"the same are there, sha256 {of.sha256[:12]}"
    )
    if of.weighted is not None:
        console.print(f"Of requests, labels depend on what was predicted: {of.weighted.sentence}.")
    if out is not None:
        console.print(f"they are in {out}")


def label_status(status: LabelStatus, *, days: int) -> None:
    progress = status.progress
    if status.complete_to is None or progress is None:
        console.print(f"{status.model}: no labels have landed yet")
        return
    covered = "" if status.coverage is None else f", {status.coverage:.1%} of the rows before it have one"
    console.print(f"[bold]{status.model}[/]: labels are complete to {_format_time(status.complete_to)} UTC{covered}.")
    late = ", ".join(f"{quantile:.0%} within {_format_length(after)}" for quantile, after in progress.latency)
    declared = format_duration(status.declared_latency)
    console.print(f"They come late by: {late or 'not known yet'}; model.toml declares {declared}.")
    if progress.unmatched:
        console.print(f"[yellow]{progress.unmatched:,} labels[/] are of rows or predictions that are not there.")
    if progress.premature:
        console.print(
            f"[yellow]{progress.premature:,} labels[/] say they are from before their prediction; not used."
        )
    if progress.explored:
        counts = f"{progress.explored_labelled:,} of {progress.explored:,}"
        unheard = "" if progress.explored_labelled else " Does the caller act on [bold]explore[/] in the answers?"
        console.print(f"Of the explored predictions older than that, {counts} have a label.{unheard}")
    table = new_table(f"The last {days} days", "day", "rows", "labelled", "share")
    for day in progress.days[-days:]:
        table.add_row(f"{day.day:%Y-%m-%d}", f"{day.rows:,}", f"{day.labelled:,}", f"{day.coverage:.1%}")
    console.print(table)


def decision(recorded: RecordedDecision, outcome: Outcome | None, approval: Approval | None = None) -> None:
    taken = recorded.decision
    console.print(
        f"[bold]{recorded.model}[/] {_format_time(recorded.decided_at)} UTC: {coloured(taken.action)}, {taken.reason}"
    )
    console.print(escape(taken.sentence))
    table = new_table("", "", "")
    table.show_header = False
    table.add_row("decision", recorded.decision_id)
    table.add_row("asked by", escape(recorded.cause))
    if taken.triggers:
        table.add_row("what speaks for retraining", ", ".join(taken.triggers))
    if taken.not_before is not None:
        table.add_row("not before", f"{_format_time(taken.not_before)} UTC")
    for name, value in taken.evidence.items():
        if value != "":
            table.add_row(name.replace("_", " "), escape(_format_cell(value)))
    if approval is not None:
        waits = f"waits until {_format_time(approval.expires_at)} UTC" if outcome is None else "nobody answered"
        table.add_row("approval", escape(f"{approval.version}: {approval.answered or waits}"))
    if outcome is not None:
        table.add_row("outcome", f"{outcome.name} {outcome.version}".strip())
        table.add_row("", escape(outcome.sentence))
    console.print(table)
    for line in describe_pack(taken.pack) if taken.pack else ():
        console.print(line, markup=False, soft_wrap=True)


def performance(status: PerformanceStatus, *, days: int) -> None:
    console.print(f"[bold]{status.model}[/] {status.version}")
    for name, measured in (("promised at the gate", status.promised), ("since then, the newest days", status.newest)):
        found = "nothing is known yet" if measured is None else _format_measured(measured, status.metric)
        console.print(f"{name}: {found}")
    if status.awaited is not None:
        console.print(f"without labels yet, {_format_awaited(status.awaited, status)}")
        console.print(
            "  [dim]by how sure it is of rows like these; blind to features that mean something else now[/]"
        )
    if status.decline is not None:
        console.print(f"[red]worse than promised[/]: {escape(describe_decline(status.decline, status.metric))}")
    elif not status.can_tell:
        console.print("too few days have labels to tell a decline from chance")
    else:
        console.print("as good as promised, as far as can be told")
    if status.days:
        table = new_table(
            f"The last {days} days with labels", "day", "rows", str(status.metric), "90 %", "estimated", status.loss
        )
        for day in status.days[-days:]:
            value = "" if day.metric is None else f"{day.metric:.4g}"
            before = "" if day.estimated is None else f"{day.estimated:.4g}"
            when, interval, loss = f"{day.start:%Y-%m-%d}", _format_interval(day), f"{day.loss:.4g}"
            table.add_row(when, f"{day.rows:,}", value, interval, before, loss)
        console.print(table)


def _format_awaited(awaited: MeasuredDays, status: PerformanceStatus) -> str:
    if status.is_estimated:
        return f"estimated: {_format_measured(awaited, status.metric)}"
    when = f"{awaited.start:%Y-%m-%d} to {awaited.end:%Y-%m-%d}"
    return (
        f"estimated: {status.loss} {awaited.loss:.4g} on {awaited.rows:,} rows of {when}; not {status.metric}, since "
        "of more than two classes only accuracy_score, log_loss and brier_score_loss are"
    )


def _format_measured(measured: MeasuredDays, metric: ModelMetric) -> str:
    when = f"{measured.start:%Y-%m-%d} to {measured.end:%Y-%m-%d}"
    if isinstance(metric, OwnMetric):
        described = f"{loss_name(metric)} {measured.loss:.4g}, which stands for {metric} from day to day,"
        return f"{described} on {measured.rows:,} rows of {when}"
    found = "is not defined" if measured.metric is None else f"{measured.metric:.4g} {_format_interval(measured)}"
    return f"{metric} {found} on {measured.rows:,} rows of {when}"


def _format_interval(measured: MeasuredDays) -> str:
    if measured.low is None or measured.high is None:
        return ""
    return f"\\[{measured.low:.4g}, {measured.high:.4g}]"


def asked(model: str) -> None:
    console.print(f"asked; `evertrain decisions {model}` shows what was decided")


def new_table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", header_style="dim", title_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=column in {"when", "version"})
    return table


def _format_cell(value: object) -> str:
    if value is None:
        return ""
    moment = _written_moment(value) if isinstance(value, str) else value
    if isinstance(moment, datetime):
        return _format_time(moment)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _written_moment(text: str) -> datetime | None:
    """As evidence has it, in JSON: only what names its zone, and so is no other code of digits."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


def _format_length(length: timedelta) -> str:
    """
    >>> _format_length(timedelta(hours=30)), _format_length(timedelta(days=3))
    ('30.0 h', '3.0 d')
    """
    hours = length / timedelta(hours=1)
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} d"


def _format_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _state(state: TableState | None) -> str:
    if state is None:
        return "none yet"
    span = f"{_format_time(state.event_time_min)} to {_format_time(state.event_time_max)}"
    return f"{state.rows:,} rows, {span}, table version {state.version}"
