"""Reports for people: values in, a self-contained HTML page out. No script and no network."""
