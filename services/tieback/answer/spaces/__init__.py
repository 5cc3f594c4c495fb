"""Contents as vectors of the space that a collection is in."""
