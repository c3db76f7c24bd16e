"""Reports for people: values in, a self-contained HTML page out. No script, no network, fit for a function."""
