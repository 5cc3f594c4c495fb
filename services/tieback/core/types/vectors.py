"""Vectors of every kind, and the space that each is in."""

from tieback_contract.vectors import *  # noqa: F403 - all of them

WITH = "+"
"""Stands between the name of a merged model and that of the expert whose adapter made a vector."""
