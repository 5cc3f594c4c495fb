"""The names of the deployments, as Ray Serve, metrics, health and error messages show them."""

from __future__ import annotations

GATEWAY = "gateway"
ENCODER = "encoder"
ROUTER = "router"
INDEX = "index"
RERANKER = "reranker"
CHECKER = "checker"
GENERATOR = "generator"
RECOGNISER = "recogniser"
OPERATIONS = "operations"


def encoder(space: str) -> str:
    """The deployment that encodes into a space."""
    return f"{ENCODER}:{space}"


def checker(name: str) -> str:
    """The deployment of a checker of the user's own."""
    return f"{CHECKER}:{name}"


def kind(target: str) -> str:
    """The service of a deployment, which all encoders have in common, and all checkers."""
    return target.partition(":")[0]
