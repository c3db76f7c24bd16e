"""Answers landed files of rows by files of predictions."""
