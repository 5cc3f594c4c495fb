"""Real objects made small, shared by the tests."""
