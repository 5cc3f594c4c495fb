"""The names of the deployments, as Ray Serve, metrics, health and error messages show them."""

from __future__ import annotations

GATEWAY = "gateway"
ENCODER = "encoder"
ROUTER = "router"
INDEX = "index"
RERANKER = "reranker"
GENERATOR = "generator"
RECOGNISER = "recogniser"
OPERATIONS = "operations"


def encoder(space: str) -> str:
    """The deployment that encodes into a space."""
    return f"{ENCODER}:{space}"


def kind(target: str) -> str:
    """The service of a deployment, which all encoders have in common."""
    return target.partition(":")[0]
