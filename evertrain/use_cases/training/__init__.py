"""One retraining from its plan to its outcome."""
