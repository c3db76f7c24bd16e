"""Decides whether a model is retrained: woken by the bus and the schedule, through a queue."""
