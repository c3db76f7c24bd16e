"""Labels that come late, and up to when they are complete."""
