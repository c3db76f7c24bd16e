"""Values for tests: complete and valid, each with the few fields that a test is about as arguments."""
