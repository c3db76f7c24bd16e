"""The replay as one self-contained HTML page: what was seen, decided, trained and gained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib.resources import files
from itertools import groupby

import jinja2
import plotly.graph_objects as go
import plotly.io
from markupsafe import Markup

from evertrain.domain.deciding.decisions import RecordedDecision
from evertrain.domain.landing.batches import Quarantine
from evertrain.domain.monitoring.drift import DriftVerdict
from evertrain.domain.monitoring.performance import Performance, metric_over_days
from evertrain.domain.project.model import ModelSpec
from evertrain.domain.release.registry import Champion, ModelVersion

INK, GRID = "#1c2733", "#e4e9ef"
KEPT, FROZEN, ALARM = "#0b6e4f", "#b4552d", "#b3261e"
_WEEK = 7
"""Days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPoint:
    """A week, scored when its labels were there: the champion of the time, and the first champion."""

    start: date
    rows: int
    champion: float
    first_champion: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionGain:
    """What a promotion was worth, while its version was champion: beside its predecessor on the same rows."""

    version: str
    predecessor: str
    since: datetime
    until: datetime
    rows: int
    metric: float
    predecessor_metric: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStory:
    """What the report shows of one model. Sequences are oldest first. `performances`: of each champion."""

    spec: ModelSpec
    verdicts: Sequence[DriftVerdict]
    decisions: Sequence[RecordedDecision]
    versions: Sequence[ModelVersion]
    champions: Sequence[Champion]
    metric: Sequence[MetricPoint]
    performances: Sequence[Performance]
    gains: Sequence[PromotionGain]
    ended_at: datetime


def render(
    stories: Sequence[ModelStory], quarantines: Sequence[Quarantine], *, title: str, facts: Mapping[str, str]
) -> str:
    """The page. Plotly's script is inside it: it opens without a network."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(
        files("evertrain.demo").joinpath("report.html.jinja").read_text(encoding="utf-8")
    )
    return template.render(
        title=title,
        facts=facts,
        quarantines=quarantines,
        models=[
            {
                "story": story,
                "plots": [_plot(figure) for figure in _figures(story)],
                "gain": describe_gain(story),
                "decisions": _group_by_reason(story.decisions),
            }
            for story in stories
        ],
        # Plotly's own code, not data: the one place where nothing is escaped.
        plotly_script=Markup(plotly.offline.get_plotlyjs()),  # noqa: S704
    )


def _figures(story: ModelStory) -> list[go.Figure]:
    figures = []
    if story.metric:
        figures.append(metric_figure(story))
    if any(performance.realised for performance in story.performances):
        figures.append(performance_figure(story))
    if story.champions:
        figures.append(champions_figure(story))
    if any(verdict.features for verdict in story.verdicts):
        figures.append(drift_figure(story))
    return figures


def metric_figure(story: ModelStory) -> go.Figure:
    """The metric of the champion of the time, against that of the first champion."""
    days = [point.start for point in story.metric]
    figure = go.Figure()
    for name, colour, values in (
        ("never retrained", FROZEN, [point.first_champion for point in story.metric]),
        ("champion of the time", KEPT, [point.champion for point in story.metric]),
    ):
        figure.add_scatter(
            x=days, y=values, name=name, mode="lines+markers", line={"color": colour, "width": 2}, marker={"size": 5}
        )
    _mark_promotions(figure, story)
    better = "higher" if story.spec.metric.higher_is_better else "lower"
    return _styled(
        figure,
        title=f"{story.spec.metric} by week, on flights that no compared model was trained on",
        y_title=f"{story.spec.metric} ({better} is better)",
    )


def performance_figure(story: ModelStory) -> go.Figure:
    """What each champion promised at its gate, and what it turned out to be worth, by week with its interval."""
    figure = go.Figure()
    metric = story.spec.metric
    for index, performance in enumerate(story.performances):
        weeks = [performance.realised[first : first + _WEEK] for first in range(0, len(performance.realised), _WEEK)]
        measured = [(days[0].day, found) for days in weeks if (found := metric_over_days(metric, days)) is not None]
        promised = metric_over_days(metric, performance.promised)
        if not measured:
            continue
        if promised is not None:
            figure.add_scatter(
                x=[measured[0][0], performance.realised[-1].until],
                y=[promised.value] * 2,
                name="promised at the gate",
                legendgroup="promised",
                showlegend=index == 0,
                mode="lines",
                line={"color": FROZEN, "width": 2, "dash": "dash"},
            )
        figure.add_scatter(
            x=[day for day, _ in measured],
            y=[found.value for _, found in measured],
            error_y={"type": "data", "array": [found.interval()[1] - found.value for _, found in measured]},
            name="realised, by week, with 90 % intervals",
            legendgroup="realised",
            showlegend=index == 0,
            mode="lines+markers",
            line={"color": KEPT, "width": 2},
            marker={"size": 6},
            hovertemplate=f"{performance.version}<br>%{{x|%Y-%m-%d}}: %{{y:.4g}}<extra></extra>",
        )
    _mark_promotions(figure, story)
    return _styled(
        figure, title=f"{metric} of each champion: promised, and realised as labels came in", y_title=str(metric)
    )


def champions_figure(story: ModelStory) -> go.Figure:
    """One bar for each champion, from its promotion to the next."""
    figure = go.Figure()
    ends = [*(champion.since for champion in story.champions[1:]), story.ended_at]
    windows = {version.version: version.candidate.window.name for version in story.versions}
    for champion, end in zip(story.champions, ends, strict=True):
        figure.add_bar(
            x=[(end - champion.since).total_seconds() * 1000],
            base=[champion.since],
            y=[champion.version],
            orientation="h",
            marker={"color": KEPT},
            text=f"{windows.get(champion.version, '')} window, {(end - champion.since).days} days",
            textposition="auto",
            hovertemplate=f"{champion.version}<br>since {champion.since:%Y-%m-%d %H:%M} UTC<extra></extra>",
        )
    figure.update_xaxes(type="date")
    figure.update_yaxes(autorange="reversed", type="category")
    figure = _styled(figure, title="Champion history", y_title="version", height=140 + 44 * len(story.champions))
    return figure.update_layout(showlegend=False)


def drift_figure(story: ModelStory) -> go.Figure:
    """Which feature drifted in which batch."""
    judged = [verdict for verdict in story.verdicts if verdict.features]
    names = [feature.feature for feature in judged[-1].features]
    cells = {(feature.feature, verdict.event_time_min): feature for verdict in judged for feature in verdict.features}
    times = [verdict.event_time_min for verdict in judged]
    rows = [[cells.get((name, time)) for time in times] for name in names]
    figure = go.Figure(
        go.Heatmap(
            x=times,
            y=names,
            z=[[None if cell is None else 1.0 if cell.drifted else 0.0 for cell in row] for row in rows],
            customdata=[[cell.sentence if cell else "" for cell in row] for row in rows],
            colorscale=[[0, "#dfe9e4"], [1, ALARM]],
            zmin=0,
            zmax=1,
            showscale=False,
            xgap=1,
            ygap=1,
            hovertemplate="%{x|%Y-%m-%d}<br>%{customdata}<extra></extra>",
        )
    )
    _mark_promotions(figure, story)
    figure.update_yaxes(autorange="reversed")
    return _styled(
        figure,
        title="Drift by feature and batch against the champion's reference (red: drifted)",
        y_title="feature",
        height=170 + 24 * len(names),
    )


def _mark_promotions(figure: go.Figure, story: ModelStory) -> None:
    for champion in story.champions:
        figure.add_vline(x=champion.since, line={"color": INK, "width": 1, "dash": "dot"})


def _styled(figure: go.Figure, *, title: str, y_title: str, height: int = 380) -> go.Figure:
    figure.update_layout(
        title={"text": title, "font": {"size": 16}, "x": 0, "xref": "paper"},
        height=height,
        margin={"l": 10, "r": 10, "t": 60, "b": 40},
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        paper_bgcolor="white",
        plot_bgcolor="white",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
    )
    figure.update_xaxes(title="day of departure (UTC)", gridcolor=GRID, zeroline=False)
    return figure.update_yaxes(title=y_title, gridcolor=GRID, zeroline=False, automargin=True)


def _plot(figure: go.Figure) -> Markup:
    html = plotly.io.to_html(
        figure, include_plotlyjs=False, full_html=False, config={"displaylogo": False, "responsive": True}
    )
    return Markup(html)  # noqa: S704  # made by Plotly from numbers and escaped names


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionGroup:
    """Consecutive decisions with the same action and reason."""

    first: datetime
    last: RecordedDecision
    count: int


def _group_by_reason(decisions: Sequence[RecordedDecision]) -> list[DecisionGroup]:
    """Every day's labels lead to a hold; the report shows when its reason changes."""
    alike = groupby(decisions, key=lambda entry: (entry.decision.action, entry.decision.reason))
    several = [list(some) for _, some in alike]
    return [DecisionGroup(first=some[0].decided_at, last=some[-1], count=len(some)) for some in several]


def describe_gain(story: ModelStory) -> str:
    """What retraining gained, over the weeks in which the champion was not the first one."""
    differing = [point for point in story.metric if point.champion != point.first_champion]
    if not differing:
        return "The first champion is still the champion: there is nothing to compare yet."
    rows = sum(point.rows for point in differing)
    kept = sum(point.champion * point.rows for point in differing) / rows
    frozen = sum(point.first_champion * point.rows for point in differing) / rows
    return (
        f"Since the first replacement, {story.spec.metric} was {kept:.3f} with retraining and {frozen:.3f} had the "
        f"first champion been left alone ({rows:,} flights, {len(differing)} weeks)."
    )
