"""What `benchmarks/scale.py` is made of: the vectors, the systems, and how one is measured in its process."""
