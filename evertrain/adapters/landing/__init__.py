"""Landed objects and files: reading, checking, keeping, and the log of what became of them."""
