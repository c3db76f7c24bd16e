"""Registered versions and the champion."""
