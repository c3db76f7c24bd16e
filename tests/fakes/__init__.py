"""The ports in memory. Each passes the same contract suite as the adapter that it stands for."""
