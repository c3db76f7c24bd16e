"""A retraining from its decision to the promoted champion, with real training on made-up trips; and how it fails."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.metrics import roc_auc_score

from evertrain.domain.deciding.decisions import Action, Decision, Reason, RecordedDecision
from evertrain.domain.events import EventName
from evertrain.domain.landing.feeds import EVENT_TIME
from evertrain.domain.project.interval import Interval
from evertrain.domain.project.metric import GuardMetric, Metric, OwnMetric, Task
from evertrain.domain.project.policies import (
    EndpointPolicy,
    GatePolicy,
    MovingWindow,
    SearchMethod,
    SearchSpace,
    SliceSpec,
    TaskSize,
    Tier,
)
from evertrain.domain.release.registry import AlreadyPromoted, JudgedArtifact, RegistryConflict, VersionStatus
from evertrain.domain.release.rollout import RolloutInterrupted
from evertrain.domain.training.candidates import UnknownCandidate
from evertrain.domain.training.evaluation import Contender, UnusableRows
from evertrain.domain.training.gate import GateReason
from evertrain.domain.training.outcomes import classify_failure
from evertrain.domain.training.plan import TrainingPlan
from evertrain.domain.training.rounds import NothingToChoose
from evertrain.domain.training.windows import NotEnoughHistory
from evertrain.ports.endpoint import EndpointError, Live
from evertrain.scoring import FlatModel
from evertrain.statistics.metrics import LoadedMetric
from evertrain.statistics.reference import Reference
from evertrain.tables.labelled_rows import LabelledRows
from evertrain.use_cases.training.evaluate_contenders import ChampionNotComparable
from tests.builders.batches import FEATURES, a_batch
from tests.builders.models import A_DOUBT, NOW, a_group, a_verdict, days
from tests.builders.retraining import MODEL, Retraining, a_trainable_model


def test_a_first_model_goes_from_decision_to_champion() -> None:
    loop = Retraining()

    planned = loop.plan("d-1")
    assert [candidate.name for candidate in planned.plan.candidates] == ["14d", "28d"]
    assert planned.plan.champion_version is None
    assert planned.plan.watermark == NOW - days(3)

    trials = [loop.train(planned.plan_uri, candidate) for candidate in ("14d", "28d")]
    assert [trial.rows for trial in trials] == [14 * 60, 28 * 60]
    short, long = (loop.contender(planned.plan_uri, candidate) for candidate in ("14d", "28d"))
    assert (short.rows, long.rows) == (14 * 60, 28 * 60)
    assert max(short.parity, long.parity) < 1e-9
    assert short.validation.low < short.validation.value < short.validation.high

    evaluation = loop.evaluate(planned.plan_uri)
    assert evaluation.gate_rows == 7 * 60
    assert evaluation.chosen in (short, long)
    assert evaluation.champion_score is None

    verdict = loop.gate(planned.plan_uri)
    assert (verdict.passed, verdict.reason) == (True, GateReason.FIRST_MODEL)

    registered = loop.register(planned.plan_uri)
    version = registered.version.version
    assert registered.expected_champion is None
    assert registered.version.status is VersionStatus.REGISTERED
    assert evaluation.refit is not None
    assert registered.version.artifact_sha256 == evaluation.refit.artifact_sha256

    published = loop.roll_out.publish(MODEL, version)
    assert published.previous_function_version == "$LATEST"
    loop.roll_out.smoke_test(MODEL, version, function_version=published.function_version)
    step = loop.shift(version, published)
    assert (step.share, step.wait_seconds) == (1.0, 0), "nobody else answers whom it could be compared with"
    assert loop.look(version, step).next == "promote"
    loop.roll_out.promote(
        MODEL, version, function_version=published.function_version, expected_champion=registered.expected_champion
    )
    loop.finish("d-1", EventName.MODEL_PROMOTED, version=version, sentence=verdict.sentence)

    champion = loop.registry.champion(MODEL)
    assert champion is not None
    assert champion.version == version
    assert champion.trained_until == planned.plan.watermark
    assert champion.comparable_from == evaluation.chosen.window.rows.end
    assert loop.registry.version(MODEL, version).status is VersionStatus.CHAMPION
    assert loop.endpoint.live(MODEL).function_version == published.function_version
    assert loop.told() == [(EventName.MODEL_PROMOTED, version)]
    assert not loop.leases.is_held(MODEL)


def test_the_next_model_is_judged_against_the_champion_on_the_same_rows() -> None:
    loop = Retraining()
    first = loop.promoted("d-1")
    loop.advance(days(7))

    plan_uri = loop.evaluated("d-2")
    evaluation = loop.runs.evaluation(loop.runs.plan(plan_uri))

    assert evaluation.champion_version == first
    assert evaluation.champion_score is not None
    assert evaluation.difference is not None
    gain = evaluation.contender_score.value - evaluation.champion_score.value
    assert evaluation.difference.value == pytest.approx(gain)
    assert evaluation.difference.low <= evaluation.difference.value <= evaluation.difference.high
    assert {comparison.column for comparison in evaluation.slices} == {"carrier"}
    assert sum(comparison.rows for comparison in evaluation.slices) == evaluation.gate_rows

    version = loop.register(plan_uri).version
    assert version.gain is not None
    assert (version.gain.value, version.gain.newer_by) == (evaluation.difference.value, days(7))
    assert loop.registry.version(MODEL, first).gain is None, "there was nobody to gain on"
    assert version.container_seconds > 120, "two candidates, and the refit where it passed"


def test_a_contender_of_the_second_tier_is_judged_against_a_flat_champion_and_takes_over() -> None:
    loop = Retraining()
    first = loop.promoted("d-1")
    spec = a_trainable_model()
    loop.declare(replace(spec, endpoint=EndpointPolicy(tier=Tier.SKLEARN)))
    version, published = loop.published("d-2")
    evaluation = loop.runs.evaluation(loop.runs.plan(loop.registry.version(MODEL, version).plan_uri))

    assert evaluation.champion_version == first
    assert evaluation.difference is not None
    assert evaluation.difference.value == pytest.approx(0, abs=1e-9), "the same recipe, of the same rows"
    assert evaluation.final.artifact_uri.endswith(".sklearn")
    assert evaluation.final.parity == 0.0
    loop.roll_out.smoke_test(MODEL, version, function_version=published.function_version)
    for step in range(len(loop.shares(version, published))):
        loop.shift(version, published, step=step)
    loop.roll_out.promote(MODEL, version, function_version=published.function_version, expected_champion=first)
    loop.advance(days(7))
    loop.declare(spec)
    back = loop.runs.evaluation(loop.runs.plan(loop.evaluated("d-3")))
    assert back.champion_version == version
    assert back.final.artifact_uri.endswith(".flat.gz")


def test_rows_that_stand_for_several_do_so_in_training_in_every_score_and_in_what_is_said() -> None:
    """Windy trips are known three times too seldom: a weight of three makes up for it."""
    loop = Retraining()
    windy = pc.fill_null(pc.greater(loop._rows.table["wind"], 12.0), False)
    loop._rows.table = loop._rows.table.append_column("label_weight", pc.if_else(windy, 3.0, 1.0))
    plain = loop.runs.evaluation(loop.runs.plan(loop.evaluated("d-1")))
    loop.declare(replace(a_trainable_model(), endpoint=EndpointPolicy(explore=0.1)))
    weighted = loop.runs.evaluation(loop.runs.plan(loop.evaluated("d-2")))

    assert plain.gate_set.weighted is None
    of_gate = weighted.gate_set.weighted
    assert of_gate is not None
    assert (of_gate.heaviest, weighted.gate_set.count) == (3.0, plain.gate_set.count)
    assert weighted.gate_rows < of_gate.stands_for < 3 * weighted.gate_rows
    assert of_gate.effective_count < weighted.gate_rows
    assert weighted.gate_set.sha256 != plain.gate_set.sha256
    assert weighted.contender_score.value != plain.contender_score.value
    assert weighted.final.artifact_sha256 != plain.final.artifact_sha256

    # Or only in what is judged.
    spec = loop.runs.plan(loop.plan("d-2").plan_uri).spec
    loop.declare(replace(spec, training=replace(spec.training, label_weights=False)))
    judged = loop.runs.evaluation(loop.runs.plan(loop.evaluated("d-3")))
    assert judged.gate_set.weighted == of_gate
    assert judged.final.artifact_sha256 == plain.final.artifact_sha256

    planned = loop.runs.plan(loop.plan("d-2").plan_uri)
    gate = LabelledRows("gate", loop._rows.read_labelled(planned.spec, planned, planned.gate), planned.spec)
    model = FlatModel.from_bytes(
        loop.artifacts.get(weighted.chosen.artifact_uri, expected_sha256=weighted.chosen.artifact_sha256)
    )
    expected = roc_auc_score(gate.truth, gate.predict_with(model), sample_weight=gate.weights)
    assert weighted.contender_score.value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("ahead_by", "chosen"), [(1e-9, "28d"), (0.3, "14d")])
def test_the_longest_window_is_kept_unless_another_is_better_by_a_standard_error(
    ahead_by: float, chosen: str
) -> None:
    loop = Retraining()
    planned = loop.plan("d-1")
    for candidate in planned.plan.candidates:
        loop.train(planned.plan_uri, candidate.name)
    longest, shorter = (loop.contender(planned.plan_uri, name) for name in ("28d", "14d"))
    better = replace(shorter.validation, value=longest.validation.value + ahead_by)
    loop.runs.put_contender(planned.plan, replace(shorter, validation=better))
    evaluation = loop.evaluate(planned.plan_uri)
    assert evaluation.chosen.window.name == chosen
    assert {"28d": "the longest window 28d is kept: 14d is better only by 1e-09", "14d": "14d is better than"}[
        chosen
    ] in evaluation.choice
    assert "with a standard error of 0.0" in evaluation.choice


@pytest.mark.parametrize(
    ("gate", "told"),
    [
        (GatePolicy(minimum_rows=500), "trips: the gate slice has 420 labelled rows, 500 are needed"),
        (GatePolicy(minimum_days=8), "trips: the gate slice has labelled rows of 7 days, 8 are needed"),
    ],
)
def test_with_too_little_to_judge_on_a_retraining_is_postponed(gate: GatePolicy, told: str) -> None:
    loop = Retraining(a_trainable_model(gate=gate))
    with pytest.raises(UnusableRows) as raised:
        loop.evaluated("d-1")
    assert str(raised.value) == told
    assert classify_failure(f"UnusableRows: {told}") is EventName.RETRAIN_POSTPONED


def test_a_gate_of_one_class_is_one_sentence_and_postpones() -> None:
    loop = Retraining()
    planned = loop.plan("d-1")
    for candidate in planned.plan.candidates:
        loop.train(planned.plan_uri, candidate.name)
    in_gate = np.asarray(loop._rows.table[EVENT_TIME].to_numpy()) >= np.datetime64(
        planned.plan.gate.start.replace(tzinfo=None)
    )
    column = pa.array(np.where(in_gate, 0, loop._rows.table["late"].to_numpy()))
    loop._rows.table = loop._rows.table.set_column(loop._rows.table.column_names.index("late"), "late", column)
    with pytest.raises(UnusableRows, match=r"all 420 rows of the gate slice have the label late=0, nothing can be"):
        loop.evaluate(planned.plan_uri)


def test_a_function_of_the_model_s_own_judges_candidates_and_the_champion() -> None:
    """From a first model to one that is judged against it, with slices; and what it promises is a loss by day."""

    def cost(truth: np.ndarray, prediction: np.ndarray, weights: np.ndarray) -> float:
        alarm = prediction > 0.2
        return float(np.average(5 * (truth > alarm) + (alarm > truth), weights=weights))

    metric = OwnMetric("cost_error", Task.CLASSIFICATION)
    gate = GatePolicy(margin=0.1, slices=(SliceSpec(column="carrier", margin=2.0, minimum_rows=50),))
    spec = replace(a_trainable_model(gate=gate), metric=metric)
    loop = Retraining(spec, own_metric=LoadedMetric(metric, cost))
    first = loop.promoted("d-1")
    loop.advance(days(7))
    evaluation = loop.runs.evaluation(loop.runs.plan(loop.evaluated("d-2")))
    assert loop.registry.version(MODEL, first).gate.sentence.startswith("the first model: cost_error ")
    assert evaluation.contender_score.metric == evaluation.chosen.validation.metric == metric
    assert evaluation.difference is not None
    assert any(each.difference is not None for each in evaluation.slices)
    assert 0 < evaluation.promised[0].losses.mean < 0.25, "a squared error"


def test_guards_are_measured_on_the_gate_beside_the_metric() -> None:
    guards = {Metric.LOG_LOSS: 1e-9, GuardMetric.EXPECTED_CALIBRATION_ERROR: 0.5}
    loop = Retraining(a_trainable_model(gate=GatePolicy(margin=0.02, guards=guards)))
    loop.promoted("d-1")
    loop.advance(days(7))
    evaluation = loop.runs.evaluation(loop.runs.plan(loop.evaluated("d-2")))
    assert [each.metric for each in evaluation.guards] == list(guards)
    for guard in evaluation.guards:
        assert guard.difference.value == pytest.approx(guard.contender - guard.champion)
        assert guard.difference.low <= guard.difference.value <= guard.difference.high


def test_a_refused_contender_is_kept_as_rejected_and_nothing_else_changes() -> None:
    loop = Retraining(a_trainable_model(gate=GatePolicy(margin=0.01, floor=0.999)))
    plan_uri = loop.evaluated("d-1")

    verdict = loop.gate(plan_uri)
    registered = loop.register(plan_uri)
    loop.finish("d-1", EventName.CONTENDER_REJECTED, version=registered.version.version, sentence=verdict.sentence)

    assert not verdict.passed
    assert registered.version.status is VersionStatus.REJECTED
    assert loop.registry.champion(MODEL) is None
    (outcome,) = loop.decisions.outcomes(MODEL, limit=5)
    assert (outcome.name, outcome.sentence) == (EventName.CONTENDER_REJECTED, verdict.sentence)


def test_a_repeated_plan_is_the_first_one_whatever_has_landed_since() -> None:
    loop = Retraining()
    first = loop.plan("d-1")
    loop.advance(days(2))
    loop.commit_labels(version=9)
    assert loop.plan("d-1") == first
    assert loop.plan("d-2").plan.table_versions["labels/trips"] == 9


def test_every_step_may_be_repeated() -> None:
    loop = Retraining()
    plan_uri = loop.evaluated("d-1")
    stored = loop.contender(plan_uri, "14d")
    loop.train(plan_uri, "14d")
    assert replace(loop.contender(plan_uri, "14d"), training_seconds=stored.training_seconds) == stored
    assert loop.evaluate(plan_uri) == loop.runs.evaluation(loop.runs.plan(plan_uri))

    registered = loop.register(plan_uri)
    loop.advance(days(1))
    assert loop.register(plan_uri) == registered

    version = registered.version.version
    published = loop.roll_out.publish(MODEL, version)
    assert loop.shift(version, published) == loop.shift(version, published)
    assert loop.roll_out.publish(MODEL, version) == published
    for _ in range(2):
        loop.roll_out.promote(MODEL, version, function_version=published.function_version, expected_champion=None)
    for _ in range(2):
        loop.finish("d-1", EventName.MODEL_PROMOTED, version=version, sentence="promoted")
    assert len(loop.registry.history(MODEL)) == 1
    assert len(loop.decisions.outcomes(MODEL, limit=5)) == 1
    assert loop.told() == 2 * [(EventName.MODEL_PROMOTED, version)]


def test_a_model_without_labels_cannot_be_planned() -> None:
    loop = Retraining(with_labels=False)
    with pytest.raises(NotEnoughHistory, match="nothing has been committed to labels/trips yet"):
        loop.plan("d-1")


def test_a_window_with_one_class_is_an_answer_that_names_it() -> None:
    loop = Retraining()
    loop.set_all_labels(0.0)
    planned = loop.plan("d-1")
    told = "all 840 rows of window 14d have the label late=0"
    assert told in loop.train(planned.plan_uri, "14d").unusable
    loop.train(planned.plan_uri, "28d")
    with pytest.raises(NothingToChoose, match=f"no candidate could be trained: .*{told}.*window 28d"):
        loop.evaluate(planned.plan_uri)


def test_a_window_with_too_few_rows_leaves_the_choice_to_the_others() -> None:
    loop = Retraining(a_trainable_model(minimum_rows=1_000))
    planned = loop.plan("d-1")
    too_short = loop.train(planned.plan_uri, "14d")
    assert "window 14d has 840 labelled rows, 1000 are needed" in too_short.unusable
    assert too_short.validation is None
    loop.train(planned.plan_uri, "28d")
    evaluation = loop.evaluate(planned.plan_uri)
    assert evaluation.chosen.candidate.name == "28d"
    assert evaluation.unusable == (too_short,)


def test_a_candidate_that_is_not_planned_is_refused() -> None:
    loop = Retraining()
    planned = loop.plan("d-1")
    with pytest.raises(UnknownCandidate, match="plans the candidates 14d, 28d, not '3d'"):
        loop.train(planned.plan_uri, "3d")


def test_the_same_plan_trains_on_the_same_rows_and_the_version_names_them() -> None:
    loop = Retraining()
    plan_uri = loop.evaluated("d-1")
    evaluation = loop.runs.evaluation(loop.runs.plan(plan_uri))
    version = loop.register(plan_uri).version
    assert version.training_set == evaluation.final.training_set
    assert version.training_set.table_versions == {"features/trips": 4, "labels/trips": 3}
    assert version.code == {"estimator_sha256": "4" * 64}
    again = Retraining()
    assert again.contender(again.evaluated("d-7"), "14d").training_set == loop.contender(plan_uri, "14d").training_set


# --- fitted once more, on all matured rows --------------------------------------------------------


def test_what_passes_is_fitted_again_on_all_rows_up_to_the_watermark() -> None:
    loop = Retraining()
    plan_uri = loop.evaluated("d-1")
    plan = loop.runs.plan(plan_uri)
    evaluation, version = loop.runs.evaluation(plan), loop.register(plan_uri).version
    chosen = evaluation.chosen
    assert version.window == Interval(start=plan.watermark - days(28), end=plan.watermark)
    assert version.training_set.rows == version.window
    assert version.artifact_sha256 != chosen.artifact_sha256
    assert version.judged == JudgedArtifact(
        artifact_uri=chosen.artifact_uri,
        artifact_sha256=chosen.artifact_sha256,
        trained_until=chosen.window.rows.end,
    )
    assert version.validation == chosen.validation, "the judged contender's: the refit has learnt from those rows"
    sentence = loop.gate(plan_uri).sentence
    assert sentence.endswith(f"; fitted again on 1680 rows up to {plan.watermark:%Y-%m-%d}")
    reference = Reference.from_bytes(loop.artifacts.get(version.reference_uri))
    of_judged = loop.train_contender.with_reference(plan, chosen)
    judged = Reference.from_bytes(loop.artifacts.get(of_judged.reference_uri))
    assert reference.prediction is not None
    assert judged.prediction is not None
    assert reference.prediction.layout_digest == judged.prediction.layout_digest, "no surer than of rows to come"
    assert {each.reference_uri for each in evaluation.contenders} == {""}, "only what may go out is watched"


def test_a_contender_that_is_refused_is_not_fitted_again() -> None:
    loop = Retraining(a_trainable_model(gate=GatePolicy(margin=0.01, floor=0.999)))
    assert loop.runs.evaluation(loop.runs.plan(loop.evaluated("d-1"))).refit is None


def test_where_the_judged_artifact_itself_is_wanted_it_goes() -> None:
    spec = a_trainable_model()
    loop = Retraining(replace(spec, training=replace(spec.training, refit=False)))
    plan_uri = loop.evaluated("d-1")
    version = loop.register(plan_uri).version
    assert version.artifact_sha256 == loop.runs.evaluation(loop.runs.plan(plan_uri)).chosen.artifact_sha256
    assert version.judged is None
    assert Reference.from_bytes(loop.artifacts.get(version.reference_uri)).rows == version.rows


def test_a_refit_that_went_wrong_does_not_go_and_the_judged_contender_does() -> None:
    """It has learnt from the gate's rows and is worse on them: something is wrong with it."""
    loop = Retraining()
    refit = loop.train_contender.refit

    def fitted_on_noise(plan: TrainingPlan, judged: Contender) -> Contender:
        right = loop._rows.table
        noise = np.random.default_rng(0).permutation(right["late"].to_numpy())
        loop._rows.table = right.set_column(right.column_names.index("late"), "late", pa.array(noise))
        try:
            return refit(plan, judged)
        finally:
            loop._rows.table = right

    loop.evaluate_contenders = replace(loop.evaluate_contenders, refit=fitted_on_noise)
    plan_uri = loop.evaluated("d-1")
    evaluation = loop.runs.evaluation(loop.runs.plan(plan_uri))
    assert evaluation.refit is None
    assert evaluation.refit_trouble.startswith("fitted again it has roc_auc_score 0.")
    assert loop.register(plan_uri).version.artifact_sha256 == evaluation.chosen.artifact_sha256


def test_a_champion_that_has_learnt_from_the_gate_s_rows_is_judged_by_what_it_was_a_refit_of() -> None:
    loop = Retraining()
    first = loop.registry.version(MODEL, loop.promoted("d-1"))
    assert first.judged is not None
    loop.advance(days(5))
    evaluation = loop.runs.evaluation(loop.runs.plan(loop.evaluated("d-2")))
    assert evaluation.stand_in.startswith("the champion has learnt from rows up to 2013-03-29, so the same recipe")
    stand_in = evaluation.champion_score
    loop.advance(days(5))
    later = loop.runs.evaluation(loop.runs.plan(loop.evaluated("d-3")))
    assert later.stand_in == "", "by now all rows of the gate are newer than those that it has learnt from"
    assert stand_in is not None
    assert later.champion_score is not None
    assert later.champion_score.value != stand_in.value


# --- windows and parameters that compete ---------------------------------------------------------


def searching(search: SearchSpace, *moving: MovingWindow, minimum_rows: int = 500) -> Retraining:
    spec = a_trainable_model(minimum_rows=minimum_rows)
    return Retraining(replace(spec, training=replace(spec.training, search=search, moving_windows=moving)))


def test_rows_of_a_doubtful_batch_are_neither_learnt_from_nor_judged_on() -> None:
    whole, doubting = Retraining(), Retraining()
    for days_ago in (8, 20):  # in the gate's slice, and in the training window
        batch = a_batch(f"b{days_ago}", days_ago=days_ago)
        start = NOW - days(days_ago)
        verdict = replace(
            a_verdict(days_ago=days_ago),
            model=MODEL,
            batch_id=batch.batch_id,
            event_time_min=start,
            event_time_max=start + days(1),
            faults=(A_DOUBT,),
        )
        doubting.batches.record(batch, [verdict])
    rows = {}
    for name, loop in (("whole", whole), ("doubting", doubting)):
        planned = loop.plan("d-1")
        for candidate in planned.plan.candidates:
            loop.train(planned.plan_uri, candidate.name)
        rows[name] = loop.evaluate(planned.plan_uri)
    assert len(doubting.plan("d-1").plan.excluded) == 2
    assert 0 < rows["whole"].gate_rows - rows["doubting"].gate_rows <= 70
    assert rows["doubting"].chosen.rows < rows["whole"].chosen.rows


def test_the_plan_says_how_long_batches_are_once_there_are_some() -> None:
    loop = Retraining()
    assert loop.plan("d-1").plan.batch_lengths == {}
    state = loop.tables.get(FEATURES)
    assert state is not None
    a_day = state.rows / ((state.event_time_max - state.event_time_min) / days(1))
    for day in range(1, 7):
        verdict = replace(a_verdict(days_ago=day), model=MODEL, batch_id=f"b{day}", rows=round(a_day) * day)
        loop.batches.record(a_batch(f"b{day}", days_ago=day), [verdict])
    (length,) = loop.plan("d-2").plan.batch_lengths.values()
    assert length / days(3.5) == pytest.approx(1, abs=0.02)


def test_every_window_is_tried_with_every_combination_of_parameters() -> None:
    loop = searching(SearchSpace(parameters={"max_iter": (2, 10), "learning_rate": (0.05, 0.2)}))
    plan_uri = loop.evaluated("d-1")
    plan = loop.runs.plan(plan_uri)
    assert [candidate.name for candidate in plan.candidates] == [f"{n}d-{i}" for n in (14, 28) for i in (1, 2, 3, 4)]
    assert str(plan.candidates[1]) == "14d, max_iter=2, learning_rate=0.2"
    contenders = loop.runs.contenders(plan)
    assert len({contender.artifact_sha256 for contender in contenders}) == 8
    best = max(contenders, key=lambda contender: contender.validation.value)
    version = loop.register(plan_uri).version
    assert (version.candidate.name, version.candidate.parameters) == (best.candidate.name, best.candidate.parameters)
    assert version.candidate.parameters == best.candidate.parameters


def test_halving_tries_many_on_few_rows_and_the_better_third_on_all() -> None:
    parameters = {"max_iter": (1, 10), "max_leaf_nodes": (2, 7)}
    loop = searching(SearchSpace(parameters=parameters, method=SearchMethod.HALVING))
    planned = loop.plan("d-1")
    first = planned.round
    assert (first.stride, len(first.candidates), first.is_last) == (3, 8, False)
    trials = [loop.train(planned.plan_uri, name) for name in first.candidates]
    assert {trial.rows for trial in trials} == {14 * 20, 28 * 20}
    assert loop.runs.contenders(planned.plan) == []

    last = loop.narrow(planned.plan_uri)
    assert loop.narrow(planned.plan_uri) == last
    assert (last.number, last.stride, last.is_last) == (2, 1, True)
    ranked = sorted(trials, key=lambda trial: -trial.validation.value if trial.validation else 0)
    assert set(last.candidates) == {trial.candidate.name for trial in ranked[:2]}
    for name in last.candidates:
        assert loop.train(planned.plan_uri, name, round_number=2).rows in (14 * 60, 28 * 60)
    evaluation = loop.evaluate(planned.plan_uri, round_number=2)
    assert evaluation.chosen.candidate.name in last.candidates
    assert {contender.candidate.name for contender in evaluation.contenders} == set(last.candidates)


def test_a_window_begins_where_the_world_changed_or_takes_all_there_is() -> None:
    loop = searching(SearchSpace(), MovingWindow.EXPANDING, MovingWindow.SINCE_CHANGE)
    end = NOW - days(3 + 7 + 5 + 3)
    assert {c.name: c.window.rows.start for c in loop.plan("d-1").plan.candidates} == {
        "14d": end - days(14),
        "28d": end - days(28),
        "expanding": NOW - days(60),
    }
    loop.decisions.record(a_decision_after_a_change("d-2", changed_at=end - days(24)))
    assert {c.name: c.window.rows.start for c in loop.plan("d-2").plan.candidates} == {
        "14d": end - days(14),
        "28d": end - days(28),
        "since_change": end - days(24),
        "expanding": NOW - days(60),
    }
    # Of what changed too late there is no labelled row yet.
    loop.decisions.record(a_decision_after_a_change("d-3", changed_at=NOW - days(2)))
    assert "since_change" not in [candidate.name for candidate in loop.plan("d-3").plan.candidates]


def test_soon_after_a_change_half_of_the_days_since_then_are_learnt_from() -> None:
    loop = searching(SearchSpace(), MovingWindow.EXPANDING, MovingWindow.SINCE_CHANGE)
    watermark = NOW - days(3)
    loop.decisions.record(a_decision_after_a_change("d-1", changed_at=watermark - days(10)))
    plan = loop.plan("d-1").plan
    assert (plan.gate.start, plan.gate.end) == (watermark - days(2), watermark)
    assert (plan.validation.start, plan.validation.end) == (watermark - days(4), watermark - days(2))
    assert {c.window.rows.end for c in plan.candidates} == {watermark - days(5)}
    assert plan.candidate("since_change").window.rows.start == watermark - days(10)


@pytest.mark.parametrize(
    ("lost", "chosen"),
    [
        (0.5, "since_change"),  # .3 is more than half of it
        (0.8, "expanding"),
        (None, "expanding"),
    ],
)
def test_on_a_day_or_two_a_window_since_the_change_has_to_win_back_half_of_what_it_cost(
    lost: float | None, chosen: str
) -> None:
    """So few days cannot tell how days differ, and so nothing of smaller gains."""
    loop = searching(SearchSpace(), MovingWindow.EXPANDING, MovingWindow.SINCE_CHANGE, minimum_rows=100)
    changed_at = NOW - days(3 + 5)
    evidence = {} if lost is None else {"metric_before": 0.9, "metric_after": 0.9 - lost}
    loop.decisions.record(a_decision_after_a_change("d-1", changed_at=changed_at, **evidence))
    planned = loop.plan("d-1")
    assert planned.plan.lost == (None if lost is None else pytest.approx(lost))
    for candidate in planned.plan.candidates:
        loop.train(planned.plan_uri, candidate.name)
    longest, since = (loop.contender(planned.plan_uri, name) for name in ("expanding", "since_change"))
    better = replace(since.validation, value=longest.validation.value + 0.3)
    loop.runs.put_contender(planned.plan, replace(since, validation=better))
    evaluation = loop.evaluate(planned.plan_uri)
    assert evaluation.chosen.window.name == chosen
    won = "since_change wins back 0.3 of the 0.5 that the change has cost, on a validation slice of a day"
    assert (won in evaluation.choice) == (lost == 0.5), evaluation.choice


def a_decision_after_a_change(decision_id: str, *, changed_at: datetime, **evidence: float) -> RecordedDecision:
    decision = Decision(
        action=Action.RETRAIN,
        reason=Reason.FEATURES_DRIFTED,
        sentence="4 of the last 5 batches drifted",
        evidence={"changed_at": changed_at.isoformat()} | evidence,
    )
    return RecordedDecision(decision_id=decision_id, model=MODEL, cause="drift:b1", decided_at=NOW, decision=decision)


def test_the_container_is_sized_by_rows_and_columns_unless_it_is_declared() -> None:
    loop = Retraining()
    assert loop.plan("d-1").plan.task_size == TaskSize(cpu=1024, memory_mib=2048)
    declared = TaskSize(cpu=2048, memory_mib=8192)
    assert Retraining(replace(a_trainable_model(), task_size=declared)).plan("d-1").plan.task_size == declared


def test_the_smoke_test_asks_with_missing_values_and_with_none() -> None:
    loop = Retraining()
    smoke_test = loop.runs.smoke_test(loop.contender(loop.evaluated("d-1"), "14d").smoke_test_uri)
    assert {row["wind"] is None for row in smoke_test.rows} == {True, False}
    assert len(smoke_test.rows) == len(smoke_test.predictions)


def test_a_function_that_carries_another_artifact_fails_its_smoke_test() -> None:
    loop = Retraining()
    plan_uri = loop.evaluated("d-1")
    version = loop.register(plan_uri).version
    other = next(
        contender
        for contender in loop.runs.contenders(loop.runs.plan(plan_uri))
        if contender.artifact_sha256 != version.artifact_sha256
    )
    function_version = loop.endpoint.publish(
        MODEL, version=version.version, artifact_uri=other.artifact_uri, artifact_sha256=other.artifact_sha256
    )
    with pytest.raises(EndpointError, match="away from what the artifact predicted in training"):
        loop.roll_out.smoke_test(MODEL, version.version, function_version=function_version)


def test_a_function_that_answers_for_another_version_fails_its_smoke_test() -> None:
    loop = Retraining()
    first = loop.promoted("d-1")
    loop.advance(days(7))
    second, _ = loop.published("d-2")
    with pytest.raises(EndpointError, match=f"answers with version {first}, not with {second}"):
        loop.roll_out.smoke_test(MODEL, second, function_version="live")


def test_after_a_failed_health_check_the_champion_answers_again() -> None:
    loop = Retraining()
    first = loop.promoted("d-1")
    loop.advance(days(7))
    second, published = loop.published("d-2")
    step = loop.shift(second, published)
    loop.endpoint.broken.add(published.function_version)
    with pytest.raises(EndpointError):
        loop.look(second, step)
    loop.endpoint.broken.clear()

    loop.roll_out.rollback(MODEL, second, previous_function_version=published.previous_function_version)

    loop.roll_out.smoke_test(MODEL, first, function_version="live")
    assert loop.registry.rollout(MODEL) is None
    assert loop.registry.version(MODEL, second).status is VersionStatus.ROLLED_BACK
    champion = loop.registry.champion(MODEL)
    assert champion is not None
    assert champion.version == first


def test_a_first_model_that_fails_leaves_no_model_answering() -> None:
    loop = Retraining()
    version, published = loop.published("d-1")
    loop.shift(version, published)
    loop.roll_out.rollback(MODEL, version, previous_function_version=published.previous_function_version)
    assert loop.endpoint.live(MODEL).function_version == "$LATEST"


def test_a_lost_race_is_not_promoted_and_the_alias_goes_to_the_winner() -> None:
    loop = Retraining()
    loser, loser_published = loop.published("d-1")
    loop.advance(days(1))
    winner = loop.promoted("d-2")
    with pytest.raises(RolloutInterrupted):
        loop.take_steps.shift(
            MODEL,
            loser,
            function_version=loser_published.function_version,
            previous_function_version=loser_published.previous_function_version,
            expected_champion=None,
            step=0,
        )
    loop.endpoint.point_alias(
        MODEL, Live(function_version=loser_published.function_version)
    )  # in a race it may be so
    with pytest.raises(RegistryConflict):
        loop.roll_out.promote(MODEL, loser, function_version=loser_published.function_version, expected_champion=None)
    loop.roll_out.rollback(MODEL, loser, previous_function_version=loser_published.previous_function_version)
    loop.roll_out.smoke_test(MODEL, winner, function_version="live")


def test_a_champion_is_not_rolled_back() -> None:
    loop = Retraining()
    version = loop.promoted("d-1")
    live = loop.endpoint.live(MODEL).function_version
    with pytest.raises(AlreadyPromoted):
        loop.roll_out.rollback(MODEL, version, previous_function_version="$LATEST")
    assert loop.endpoint.live(MODEL).function_version == live


def test_a_champion_is_judged_on_its_own_features_when_the_model_has_dropped_one() -> None:
    loop = Retraining()
    loop.promoted("d-1")
    loop.advance(days(7))
    loop.declare(replace(a_trainable_model(), feature_names=("distance", "carrier", "holiday")))
    evaluation = loop.runs.evaluation(loop.runs.plan(loop.evaluated("d-2")))
    assert evaluation.champion_score is not None
    # Wind decides a good part of what is late: without it the contender must be behind.
    assert evaluation.champion_score.value > evaluation.contender_score.value


def test_a_champion_whose_feature_is_gone_cannot_be_compared() -> None:
    loop = Retraining()
    loop.promoted("d-1")
    loop.advance(days(7))
    group = a_group()
    without_wind = replace(group, columns=tuple(column for column in group.columns if column.name != "wind"))
    loop.declare(replace(a_trainable_model(), group=without_wind, feature_names=("distance", "carrier", "holiday")))
    with pytest.raises(ChampionNotComparable, match=r"needs wind, which features/trips.toml no longer has"):
        loop.evaluated("d-2")
