"""A load generator: callers that wait for answers, or arrivals at a fixed rate, in a process of its own."""
