"""Only the spaces of the caller's domain have a weight (enforced routing, Hallee, arXiv:2401.15713).

The paper sends a whole sentence to the expert of a label that is known beforehand. Here a domain has one
space or several, of equal weight; a wrong domain is not noticed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from tieback.core.errors import InvalidInput
from tieback.methods.routing import routings
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

NONE: Mapping[str, Sequence[str]] = {}


@routings.method
def domain(
    spaces: Sequence[str],
    present: Array,
    scores: Array,  # noqa: ARG001 - the caller knows better
    *,
    domains: Mapping[str, Sequence[str]] = NONE,
    domain: str = "",
) -> Array:
    """`domains` names each domain's spaces. InvalidInput where `domain` is none, or a space is unknown."""
    if domain not in domains:
        raise InvalidInput(
            f"there is no domain {domain!r}; the domains are: {', '.join(sorted(domains)) or 'none'}",
            field=at("parameters", "domain"),
        )
    chosen = domains[domain]
    if unknown := sorted(set(chosen) - set(spaces)):
        raise InvalidInput(
            f"the domain {domain!r} names {unknown[0]!r}, which is no component of the joint space; "
            f"its components are: {', '.join(spaces)}",
            field=at("parameters", "domains").key(domain),
        )
    if not chosen:
        raise InvalidInput(
            f"the domain {domain!r} has no spaces; give it at least one of {', '.join(spaces)}",
            field=at("parameters", "domains").key(domain),
        )
    weights = np.isin(spaces, chosen) & np.asarray(present, dtype=bool).reshape(-1, len(spaces))
    return np.asarray(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1))
