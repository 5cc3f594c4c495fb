"""Collections encoded again, or moved to another space."""
