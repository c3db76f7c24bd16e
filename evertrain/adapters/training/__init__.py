"""A model's estimator, and the documents that a retraining leaves behind."""
