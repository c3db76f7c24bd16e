"""Distances between distributions, verdicts on drift, and the comparison of models. Pure: numpy and numbers only."""
