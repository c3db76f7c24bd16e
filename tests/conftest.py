"""What holds for all tests."""

from hypothesis import settings

# No test measures time, and the machine may be busy.
settings.register_profile("evertrain", deadline=None)
settings.load_profile("evertrain")
