"""How far an exported language model is from torch: a proof of the graph, and the cost of its arithmetic.

Two comparisons, because they fail for different reasons. With float32 arithmetic the graph must give torch's
logits for the same weights up to rounding, through its cache and after every layer as well: that proves the
graph. What is served
(recoded weights, integer arithmetic) is then measured against torch with the weights as published.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForCausalLM

from tieback.models.language.decoder import Decoder
from tieback.recipes.networks.llama_weights import LlamaWeights, to_state

Tokens = NDArray[np.int64]
Logits = NDArray[np.float32]

SAMPLE_TOKENS = 320

STEPS = 8
"""Tokens that are appended to a cache one at a time."""


def measure(
    weights: LlamaWeights, served: Path, proof: Path, recoded: LlamaWeights, tokens: Tokens
) -> dict[str, float]:
    """The metrics of an export, over `tokens` `[n]`; `proof` is the graph with float32 arithmetic.

    `parity_*` are largest absolute differences of logits between the proof and torch with the recoded
    weights: in one pass, through the cache, and through the cache after all layers but the last. `drift_*`
    compare what is served with torch on the published weights: the mean divergence of the next token's
    distribution in nats, the share of equal first choices, the mean difference of a logit, and the loss
    (nats a token) of both.
    """
    reference, _ = _torch_logits(weights, tokens)
    recoded_reference, exits = _torch_logits(recoded, tokens)
    proved = Decoder(proof)
    at_once = proved.score(tokens)
    cached = _through_the_cache(proved, tokens)
    result = Decoder(served).score(tokens)
    expected, found = _log_softmax(reference), _log_softmax(result)
    following = (np.arange(len(tokens) - 1), tokens[1:])
    return {
        "parity_logits": float(np.abs(at_once - recoded_reference).max()),
        "parity_cached_logits": float(np.abs(cached[:, -1] - recoded_reference[-len(cached) :]).max()),
        "parity_exit_logits": float(np.abs(cached[:, :-1] - exits).max()),
        "drift_divergence": float((np.exp(expected) * (expected - found)).sum(axis=1).mean()),
        "drift_same_choice": float((result.argmax(axis=1) == reference.argmax(axis=1)).mean()),
        "drift_logits": float(np.abs(result - reference).mean()),
        "loss_published": float(-expected[following].mean()),
        "loss_served": float(-found[following].mean()),
        "measured_tokens": float(len(tokens)),
    }


def _through_the_cache(decoder: Decoder, tokens: Tokens) -> Logits:
    """Logits of the last `STEPS + 1` places `[places, layers + 1, vocabulary]`, the embedding's first.

    All but the last tokens are read in pieces, the last ones one at a time.
    """
    layers = range(decoder.layers + 1)
    streams = decoder.open({"only": tokens[:-STEPS].tolist()}, layers=layers, room=STEPS)
    while not streams.read(most=96):
        pass
    rows = [streams.logits["only"]]
    rows += [streams.step(int(token))["only"] for token in tokens[-STEPS:]]
    return np.stack(rows)


def torch_model(weights: LlamaWeights) -> Any:
    """Transformers' model with these weights, in float32."""
    shape = weights.shape
    config = AutoConfig.for_model(
        shape.architecture,
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        head_dim=shape.head_width,
        max_position_embeddings=shape.context,
        rms_norm_eps=shape.norm_epsilon,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rotary_base},
        tie_word_embeddings=weights.head is None,
        pad_token_id=None,  # that of an architecture's default may lie outside of the vocabulary
        attention_bias=weights.layers[0].query_bias is not None,
    )
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]  # theirs
    state = {name: torch.from_numpy(value) for name, value in to_state(weights).items()}
    model.load_state_dict(state, assign=True)
    model.model.rotary_emb = type(model.model.rotary_emb)(config)  # its angles are not in the state
    if hasattr(embedding := model.model.embed_tokens, "scalar_embed_scale"):
        embedding.embed_scale = torch.tensor(embedding.scalar_embed_scale)
    model.train(mode=False)
    return model


def _torch_logits(weights: LlamaWeights, tokens: Tokens) -> tuple[Logits, Logits]:
    """Logits `[n, vocabulary]`, and those after each layer but the last `[STEPS + 1, layers, vocabulary]`.

    The second are of the last places, the embedding's first.
    """
    model = torch_model(weights)
    with torch.inference_mode():
        found = model(torch.from_numpy(tokens[None]), output_hidden_states=True)
        # The last of these states has been through the norm.
        states = torch.stack(found.hidden_states[:-1], dim=2)[0, -STEPS - 1 :]
        exits: Logits = model.lm_head(model.model.norm(states)).numpy()
    logits: Logits = found.logits[0].numpy()
    return logits, exits


def _log_softmax(logits: Logits) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result
