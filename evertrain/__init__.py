"""Evertrain: continuous training for scikit-learn-compatible models on serverless AWS."""
