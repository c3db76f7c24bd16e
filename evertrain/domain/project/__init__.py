"""What a project declares: feature groups, models, metrics and policies."""
