"""A collection in memory: its items, rows, columns and facts."""
