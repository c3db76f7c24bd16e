"""Metrics, drift records, and files compared without a stage."""
