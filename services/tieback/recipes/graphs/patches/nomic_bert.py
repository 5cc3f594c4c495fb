"""Nomic's encoders in their makers' folders, whose fields are named as GPT-2's are."""

from __future__ import annotations

from typing import Any

from tieback.core.errors import StartupError

NAMES = {
    "n_embd": "hidden_size",
    "n_head": "num_attention_heads",
    "n_layer": "num_hidden_layers",
    "n_inner": "intermediate_size",
    "layer_norm_epsilon": "layer_norm_eps",
}
NEEDED = {
    "activation_function": "swiglu",
    "prenorm": False,
    "qkv_proj_bias": False,
    "mlp_fc1_bias": False,
    "mlp_fc2_bias": False,
    "rotary_emb_fraction": 1.0,
    "rotary_emb_interleaved": False,
    "use_rms_norm": False,
    "num_experts": 0,
}
"""Of their choices, those that the class of transformers computes."""


def config(fields: dict[str, Any]) -> dict[str, Any]:
    """Positions end where training did: behind that theirs are stretched by each text's length."""
    if "n_embd" not in fields:
        return fields
    other = [key for key, value in NEEDED.items() if (fields.get(key, value) or False) != value]
    if other:
        raise StartupError(
            f"config.json asks for {', '.join(f'{key}: {fields[key]}' for key in other)}, which the class "
            "nomic_bert of transformers does not compute; export the model to ONNX"
        )
    found = {NAMES.get(key, key): value for key, value in fields.items()}
    longest = int(fields.get("max_trained_positions") or fields.get("n_positions") or 2048)
    positions = {"rope_type": "default", "rope_theta": float(fields.get("rotary_emb_base", 1000))}
    return found | {"max_position_embeddings": longest, "rope_parameters": positions, "hidden_act": "silu"}
