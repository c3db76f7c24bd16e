"""Measures what champions turned out to be worth, as labels come in."""
