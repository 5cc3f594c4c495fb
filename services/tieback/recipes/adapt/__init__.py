"""Models made of a backbone and what was learned on it."""
