"""One retraining: its plan, candidates and rounds, the evaluation, the gate, the outcome."""
