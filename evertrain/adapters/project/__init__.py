"""Model folders as they are written, and a deployable's settings."""
