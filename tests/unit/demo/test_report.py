"""The report is one page that needs no network, and tells what happened without repeating itself."""

from dataclasses import replace
from datetime import timedelta

from evertrain.demo.report import MetricPoint, ModelStory, PromotionGain, render
from evertrain.domain.deciding.decisions import Action, Decision, Reason, RecordedDecision
from evertrain.domain.monitoring.drift import DriftStatus
from tests.builders.batches import a_quarantine
from tests.builders.models import NOW, a_model, a_verdict, days
from tests.builders.performance import a_performance
from tests.builders.registry import a_version, champion_of


def a_decision(number: int, *, action: Action = Action.HOLD, reason: Reason = Reason.COOLDOWN) -> RecordedDecision:
    return RecordedDecision(
        decision_id=f"d{number}",
        model="trips",
        cause=f"labels:b{number}",
        decided_at=NOW + days(number),
        decision=Decision(action=action, reason=reason, sentence=f"sentence {number}"),
    )


def a_story(**changes: object) -> ModelStory:
    story = ModelStory(
        spec=a_model(),
        verdicts=[a_verdict(days_ago=ago, status=DriftStatus.DRIFTED) for ago in (3, 2, 1)],
        decisions=[
            *(a_decision(n) for n in range(4)),
            a_decision(4, action=Action.RETRAIN, reason=Reason.FEATURES_DRIFTED),
        ],
        versions=[a_version("v1"), a_version("v2")],
        champions=[champion_of("v1", since=NOW - days(20)), champion_of("v2", since=NOW - days(6))],
        metric=[
            MetricPoint(start=(NOW - timedelta(days=14)).date(), rows=100, champion=0.7, first_champion=0.7),
            MetricPoint(start=(NOW - timedelta(days=7)).date(), rows=100, champion=0.72, first_champion=0.64),
        ],
        performances=[a_performance([1.0] * 14), a_performance([])],
        gains=[
            PromotionGain(
                version="v2",
                predecessor="v1",
                since=NOW - days(6),
                until=NOW,
                rows=1_234,
                metric=0.72,
                predecessor_metric=0.64,
            )
        ],
        ended_at=NOW,
    )
    return replace(story, **changes)  # type: ignore[arg-type]  # fields of ModelStory


def page(*stories: ModelStory) -> str:
    return render(stories, [a_quarantine()], title="A <replay>", facts={"took": "9 s"})


def test_the_page_needs_no_network() -> None:
    html = page(a_story())
    assert "<script src=" not in html
    assert 'rel="stylesheet"' not in html
    assert html.count("plotly-graph-div") == 4


def test_what_is_told_is_escaped() -> None:
    html = page(a_story())
    assert "A &lt;replay&gt;" in html
    assert "A <replay>" not in html


def test_holds_for_the_same_reason_are_told_once() -> None:
    html = page(a_story())
    assert "sentence 3" in html
    assert "sentence 2" not in html
    assert "hold ×4" in html
    assert "sentence 4" in html


def test_the_gain_of_retraining_is_the_mean_since_the_first_replacement() -> None:
    html = page(a_story())
    assert "roc_auc_score was 0.720 with retraining and 0.640 had the first champion been left alone" in html


def test_what_a_promotion_gained_is_told_beside_its_predecessor() -> None:
    html = page(a_story())
    assert "What each promotion gained" in html
    assert "1,234" in html
    assert "+0.0800" in html


def test_realised_performance_is_drawn_beside_what_was_promised() -> None:
    html = page(a_story())
    assert "roc_auc_score of each champion: promised, and realised as labels came in" in html
    assert "promised at the gate" in html


def test_a_model_without_a_champion_has_a_page_too() -> None:
    html = page(a_story(champions=[], performances=[], gains=[], metric=[], versions=[], verdicts=[], decisions=[]))
    assert "there is nothing to compare yet" in html
    assert "none" in html


def test_set_aside_objects_are_listed_with_their_reasons() -> None:
    assert "this is no Parquet file" in page(a_story())
