"""Commits accepted batches to the feature store."""
