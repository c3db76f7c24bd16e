"""Ports in memory that only tests need. Each passes the same contract suite as the adapter that it stands for."""
