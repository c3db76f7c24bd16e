"""The feature store: commits, maintenance, how labels come in."""
