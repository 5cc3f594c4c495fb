"""Benchmarks of what the lab has beside the platform; run by their names as the others."""
