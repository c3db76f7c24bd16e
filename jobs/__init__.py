"""Jobs that run in containers."""
