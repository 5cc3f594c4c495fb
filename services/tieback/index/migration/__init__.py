"""Collections on their way to another space, or encoded again."""
