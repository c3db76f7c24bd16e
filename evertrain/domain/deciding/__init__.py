"""Whether to retrain: the policy, and decisions as values with their reasons."""
