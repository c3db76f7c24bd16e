"""Lands what the endpoint answered as a batch of its own feed."""
