"""Runs in LocalStack's own process: its few changes for a plain host, and functions as child processes."""
