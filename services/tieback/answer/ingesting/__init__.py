"""Items on their way into the index."""
