"""Leads a retraining on behalf of the state machine: lease, plan, gate, register, finish."""
