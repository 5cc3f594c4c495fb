"""Parts of `benchmarks/scale.py`: the vectors, the systems, and how one is measured in its process."""
