"""The names of the deployments, as Ray Serve, metrics, health and error messages show them."""

from __future__ import annotations

GATEWAY = "gateway"
ROUTER = "router"
INDEX = "index"
RERANKER = "reranker"
GENERATOR = "generator"

# Which deployment serves a service as a whole. Encoders are one deployment per space.
OF_SERVICE = {
    "tieback.v1.RouterService": ROUTER,
    "tieback.v1.IndexService": INDEX,
    "tieback.v1.RerankerService": RERANKER,
    "tieback.v1.GeneratorService": GENERATOR,
    # The journal of operations is in the index's store.
    "tieback.v1.OperationService": INDEX,
    # So are heads.
    "tieback.v1.ClassifierService": INDEX,
    "google.longrunning.Operations": INDEX,
}
ENCODER_SERVICE = "tieback.v1.EncoderService"


def encoder(space: str) -> str:
    """The deployment that encodes into a space."""
    return f"encoder:{space}"
