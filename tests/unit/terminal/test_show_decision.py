"""What people read of a decision."""

from dataclasses import replace

from evertrain.terminal.console import console
from evertrain.terminal.show import decision
from tests.builders.retraining import a_decision_to_retrain


def test_times_of_the_evidence_are_written_like_all_others_and_codes_as_they_are() -> None:
    recorded = a_decision_to_retrain("ab12")
    evidence = {"learnt_to": "2026-11-26T14:16:55.223891+00:00", "batch": "20261126", "version": "20261126T1416"}
    with console.capture() as shown:
        decision(replace(recorded, decision=replace(recorded.decision, evidence=evidence)), None)
    lines = [" ".join(line.split()) for line in shown.get().splitlines()]
    for line in ("learnt to 2026-11-26 14:16", "batch 20261126", "version 20261126T1416"):
        assert any(line in each.replace("│ ", "") for each in lines)
