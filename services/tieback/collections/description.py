"""The description of a collection, as its store keeps it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tieback_contract.method_choice import MethodChoice
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import SpaceRef

from tieback.core.tenant import CollectionKey
from tieback.core.types.collection import DEFAULT_CODEC
from tieback.core.types.fusion import Routing

DEFAULT = Routing()


@dataclass(frozen=True, slots=True)
class Description:
    """Facts of a collection: owner, name, space and width of its vectors, time of its making (epoch seconds).

    `routing` is for queries that do not say theirs; `codec` is how its vectors are kept in memory, and
    `token_vectors` how those of the tokens of texts are stored, if they are.
    """

    key: CollectionKey
    space: SpaceRef
    width: int
    created: float
    routing: Routing = DEFAULT
    codec: MethodChoice = DEFAULT_CODEC
    token_vectors: TokenVectors | None = None

    @property
    def owner(self) -> str:
        """The tenant that it belongs to."""
        return self.key.owner

    @property
    def name(self) -> str:
        """The name by which its owner calls it."""
        return self.key.name

    def to_json(self) -> str:
        """As kept in the table's schema."""
        space = self.space
        said: dict[str, Any] = {
            "space": [space.name, space.revision, space.fingerprint],
            "width": self.width,
            "created": self.created,
        }
        if self.routing != DEFAULT:
            routing = self.routing
            said["routing"] = [routing.policy, dict(routing.weights), dict(routing.parameters)]
            if routing.imputation is not None:
                said["imputation"] = [routing.imputation.name, dict(routing.imputation.parameters)]
        if self.codec != DEFAULT_CODEC:
            said["codec"] = [self.codec.name, dict(self.codec.parameters)]
        if self.token_vectors is not None:
            kept = self.token_vectors
            said["token_vectors"] = {
                "space": [kept.space.name, kept.space.revision, kept.space.fingerprint],
                "width": kept.width,
                "pooling": [kept.pooling.name, dict(kept.pooling.parameters)],
                "codec": [kept.codec.name, dict(kept.codec.parameters)],
            }
        return json.dumps(said)

    @classmethod
    def from_json(cls, key: CollectionKey, text: str | bytes) -> Description:
        """As `to_json` wrote it."""
        known = json.loads(text)
        imputation = MethodChoice(*known["imputation"]) if "imputation" in known else None
        policy, weights, parameters = known.get("routing", ("", {}, {}))
        routing = Routing(policy, weights, parameters, imputation)
        codec = MethodChoice(*known["codec"]) if "codec" in known else DEFAULT_CODEC
        space = SpaceRef(*known["space"])
        tokens = known.get("token_vectors")
        if tokens is not None:
            tokens = TokenVectors(
                SpaceRef(*tokens["space"]),
                int(tokens["width"]),
                MethodChoice(*tokens["pooling"]),
                MethodChoice(*tokens["codec"]),
            )
        return cls(key, space, int(known["width"]), float(known["created"]), routing, codec, tokens)
