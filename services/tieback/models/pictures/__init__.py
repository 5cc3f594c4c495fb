"""Models that see pictures."""
