"""Data that recipes learn from, read from files."""
