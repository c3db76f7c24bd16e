"""The commands that ask a deployed stage: they parse, call, print. With `--json` they print what a
script can read, and nothing else."""

import json
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from evertrain.adapters.files.places import DataFile, find_files
from evertrain.adapters.project.files import load_project
from evertrain.adapters.stage import LandingResult, Stage
from evertrain.cli.approvals import approve, reject
from evertrain.cli.models import find_decision, find_group, find_model
from evertrain.cli.of_stages import HERE, AsJson, ModelName, ProjectFolder, StageName, print_json, to_json
from evertrain.cli.operations import redrive
from evertrain.cli.performance import performance
from evertrain.cli.score import score
from evertrain.cli.store import features, labels, training_set
from evertrain.cli.versions import diff, rollback, rollout, tag, versions
from evertrain.domain.errors import EvertrainError
from evertrain.domain.landing.batches import Feed, FeedKind, Quarantine
from evertrain.terminal import show
from evertrain.terminal.doubts_table import show_accepted, show_doubts
from evertrain.terminal.waiting import wait_until
from evertrain.use_cases.landing.accept_batch import AcceptBatch
from evertrain.use_cases.landing.doubted_batches import DoubtedBatches
from evertrain.use_cases.landing.release_batch import ReleaseBatch

app = typer.Typer(
    help="Keeps models right after deployment: watches features, retrains on drift, rolls out what is not worse.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Limit = Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")]


@app.command()
def land(
    model: ModelName,
    files: Annotated[
        list[str],
        typer.Argument(
            help="Parquet, Arrow, CSV or JSON Lines; folders or patterns of such files, also s3://bucket/prefix"
        ),
    ],
    labels: Annotated[bool, typer.Option("--labels", help="The files have labels, not features.")] = False,
    group: Annotated[str | None, typer.Option(help="Of which of the model's feature groups, if not its own.")] = None,
    wait: Annotated[int, typer.Option(min=0, help="Seconds to wait for each verdict; 0 does not wait.")] = 60,
    stage: StageName = "dev",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Land batches of features (or labels), in the order of their names, and tell what became of them."""
    spec = find_model(load_project(project), model)
    deployed = Stage.find(stage)
    features = Feed(kind=FeedKind.FEATURES, name=find_group(spec, group))
    feed = Feed(kind=FeedKind.LABELS, name=model) if labels else features
    found = [file for place in files for file in find_files(place)]
    told = [_land(deployed, feed, file, wait=wait, as_json=as_json) for file in found]
    if as_json:
        print_json(told[0] if len(told) == 1 else told)
    if any("quarantine" in each for each in told):
        raise typer.Exit(2)


def _land(deployed: Stage, feed: Feed, file: DataFile, *, wait: int, as_json: bool) -> dict[str, Any]:
    """Told to people at once, and as JSON by who asked."""
    body = file.read()
    landed = deployed.land(feed, file.name, body)
    if wait == 0:
        if not as_json:
            show.landed(landed)
        return {"landed": landed}
    found = cast(  # mypy joins the union to object
        "LandingResult",
        wait_until(lambda: deployed.landing_result(feed, body), seconds=wait, awaited=f"the verdict on {file.name}"),
    )
    if isinstance(found, Quarantine):
        if not as_json:
            show.quarantined(found)
        return {"quarantine": to_json(found)}
    verdicts = deployed.batches.batch_verdicts(feed, found.batch_id)
    if not as_json:
        show.accepted(found, verdicts)
    return {"batch": to_json(found), "verdicts": [to_json(verdict) for verdict in verdicts]}


app.command()(score)
app.command()(performance)
app.command()(redrive)
app.command()(features)
app.command()(labels)
app.command("training-set")(training_set)
app.command()(versions)
app.command()(diff)
app.command()(tag)
app.command()(rollback)
app.command()(rollout)
app.command()(approve)
app.command()(reject)


@app.command()
def status(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="a folder below models/; all of them when left out")
    ] = "",
    stage: StageName = "dev",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show how the loop of a model, or of every model, stands."""
    loaded = load_project(project)
    specs = [find_model(loaded, model)] if model else [loaded.models[name] for name in sorted(loaded.models)]
    deployed = Stage.find(stage)
    statuses = [deployed.model_status.run(spec) for spec in specs]
    print_json(statuses) if as_json else show.statuses(statuses)


@app.command()
def decisions(
    model: ModelName,
    limit: Limit = 20,
    all_: Annotated[bool, typer.Option("--all", help="Also those with nothing to do.")] = False,
    stage: StageName = "dev",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """List what was decided for a model, and why; the newest first."""
    find_model(load_project(project), model)
    deployed = Stage.find(stage)
    found = deployed.decisions.decisions(model, limit=limit, include_quiet=all_)
    print_json(found) if as_json else show.decisions(found)


@app.command()
def explain(
    model: ModelName,
    decision: Annotated[
        str, typer.Argument(metavar="DECISION", help="its id, or the beginning of it; the last when left out")
    ] = "",
    stage: StageName = "dev",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Tell one decision: what spoke for it, on what evidence, and what came of it."""
    find_model(load_project(project), model)
    deployed = Stage.find(stage)
    recorded = find_decision(deployed.decisions.decisions(model, limit=1000, include_quiet=True), model, decision)
    outcome, approval = deployed.outcome_of(recorded), deployed.approvals.find(model, recorded.decision_id)
    if as_json:
        print_json({"decision": to_json(recorded), "outcome": to_json(outcome), "approval": to_json(approval)})
    else:
        show.decision(recorded, outcome, approval)


@app.command()
def quarantine(limit: Limit = 20, stage: StageName = "dev", as_json: AsJson = False) -> None:
    """List what was set aside, and why; the newest first."""
    found = Stage.find(stage).batches.quarantines(limit=limit)
    print_json(found) if as_json else show.quarantines(found)


@app.command()
def release(
    batch: Annotated[str, typer.Argument(metavar="BATCH", help="its id, or the beginning of it")],
    stage: StageName = "dev",
    as_json: AsJson = False,
) -> None:
    """Take a batch out of quarantine that you found nothing wrong with: it is landed again, and accepted."""
    deployed = Stage.find(stage)
    found = ReleaseBatch(batches=deployed.batches, land_again=deployed.land_again).run(batch)
    print_json(found) if as_json else show.released(found)


@app.command()
def doubts(
    limit: Limit = 20, stage: StageName = "dev", project: ProjectFolder = HERE, as_json: AsJson = False
) -> None:
    """List batches that were accepted although they may be faulty, and what was decided on them; the newest first."""
    found = DoubtedBatches(project=load_project(project), batches=Stage.find(stage).batches).run(limit=limit)
    print_json(found) if as_json else show_doubts(found)


@app.command()
def accept(
    batch: Annotated[str, typer.Argument(metavar="BATCH", help="its id, or the beginning of it")],
    stage: StageName = "dev",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Say that a batch's fault is how it is from now on: later batches like it are neither doubted nor set aside."""
    deployed = Stage.find(stage)
    accepting = AcceptBatch(
        project=load_project(project),
        batches=deployed.batches,
        land_again=deployed.land_again,
        clock=deployed,
    )
    found = accepting.run(batch)
    print_json(found) if as_json else show_accepted(found)


@app.command()
def report(
    model: ModelName,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="the newest one when left out")] = "",
    out: Annotated[Path | None, typer.Option(help="Where the page goes; by default <model>-<version>.html.")] = None,
    stage: StageName = "dev",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Write a page on how a version was trained and judged: what competed, on which rows, what the gate said."""
    find_model(load_project(project), model)
    page = Stage.find(stage).retraining_page(model, version)
    written = out or Path(f"{model}-{page.version.version}.html")
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(page.render(), encoding="utf-8")
    print_json(page.evaluation) if as_json else show.retraining(page, out=written)


@app.command()
def retrain(
    model: ModelName,
    reason: Annotated[str, typer.Option(help="Why; it is written into the decision.")],
    wait: Annotated[int, typer.Option(min=0, help="Seconds to wait for the decision; 0 does not wait.")] = 60,
    stage: StageName = "dev",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Ask for a retraining. The policy may still hold it, and says why."""
    find_model(load_project(project), model)
    deployed = Stage.find(stage)
    cause = deployed.ask_for_retraining(model, reason=reason)
    if wait == 0:
        print_json({"asked": cause.name}) if as_json else show.asked(model)
        return
    recorded = wait_until(lambda: deployed.decision_for(cause), seconds=wait, awaited="the decision")
    print_json(recorded) if as_json else show.decisions([recorded])


@app.command()
def predict(
    model: ModelName,
    row: Annotated[str, typer.Option("--json", metavar="ROW", help="The features of one row, as a JSON object.")],
    stage: StageName = "dev",
) -> None:
    """Ask the endpoint for a prediction; the answer is its JSON."""
    try:
        body = json.loads(row)
    except ValueError as error:
        raise EvertrainError(f"--json: not JSON: {error}") from error
    print_json(Stage.find(stage).api.predict(model, body))


@app.command()
def demo(
    days: Annotated[int, typer.Option(min=40, max=360, help="How many days of 2013 to replay.")] = 170,
    report: Annotated[Path, typer.Option(help="Where the HTML report goes.")] = Path(".build/demo-report.html"),
    stage: StageName = "dev",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Replay real flights of 2013 against a stage that was deployed with `-c clock=replay`."""
    from evertrain.demo.run import run_demo  # noqa: PLC0415  # brings pandas and plotly, which nothing else here needs

    run_demo(Stage.find(stage), load_project(project), days=days, report=report, as_json=as_json)
