"""Language models, of this process or behind an endpoint."""
