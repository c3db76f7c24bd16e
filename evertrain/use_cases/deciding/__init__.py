"""Whether to retrain, and how a model's loop stands."""
