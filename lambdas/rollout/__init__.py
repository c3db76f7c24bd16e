"""Puts a registered version in front of the callers on behalf of the state machine, or takes it back."""
