"""The registry, and the endpoint as the rollout and callers reach it."""
