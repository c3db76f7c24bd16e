"""The feature store on Delta Lake."""
