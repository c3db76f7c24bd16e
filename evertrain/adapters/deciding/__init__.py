"""The decision log and the leases."""
