"""The data that moves between layers: NumPy arrays and frozen dataclasses, one file a concern."""
