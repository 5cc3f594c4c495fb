"""Measurements of the running product. Each module here that has a `run` is a benchmark of its name."""
