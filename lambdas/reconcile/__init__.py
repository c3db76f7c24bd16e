"""Mends what a retraining left behind that ended without its last state."""
