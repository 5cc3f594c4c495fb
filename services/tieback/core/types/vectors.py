"""Names of models that made vectors."""

WITH = "+"
"""Stands between the name of a merged model and that of the expert whose adapter made a vector."""
