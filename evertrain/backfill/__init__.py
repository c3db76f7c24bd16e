"""History from one's own files, landed in a deployed stage."""
