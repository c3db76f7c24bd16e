"""A project's first files, from one's own rows."""
