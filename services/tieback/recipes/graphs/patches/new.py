"""GTE in its makers' folders (`NewConfig`): the class of transformers is called `gte`."""

from __future__ import annotations

from typing import Any

from tieback.core.errors import StartupError

ARCHITECTURE = "gte"


def config(fields: dict[str, Any]) -> dict[str, Any]:
    """Their rotary positions are stretched by a factor, which ours get as base and step."""
    if fields.get("logn_attention_scale") or fields.get("layer_norm_type", "layer_norm") != "layer_norm":
        raise StartupError("config.json asks for logn_attention_scale or another norm, which gte has not")
    base = float(fields.get("rope_theta", 10_000))
    found: dict[str, Any] = {"rope_type": "default", "rope_theta": base}
    if scaling := fields.get("rope_scaling"):
        if scaling.get("type") != "ntk" or scaling.get("mixed_b") is not None:
            raise StartupError(f"config.json stretches positions by {scaling}, which gte does not")
        factor = float(scaling["factor"])
        dim = int(fields["hidden_size"]) // int(fields["num_attention_heads"])
        found = {"rope_type": "linear", "rope_theta": base * factor, "factor": factor ** (2 / dim)}
    left = ("rope_theta", "rope_scaling")
    return {key: value for key, value in fields.items() if key not in left} | {"rope_parameters": found}
