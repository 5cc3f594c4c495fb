"""What is served: one card per model, and the media that the demo and the tests use."""
