"""Values that only the client has: documents, results, operations."""
