"""A request on its way in: limits, parsing, the running call, its errors."""
