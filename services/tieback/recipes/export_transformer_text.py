"""Transformer text encoders: backbone, pooling and normalisation in one graph of dynamic batch and length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import onnx
import torch
from onnx import helper
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import normalize
from transformers import AutoConfig, AutoModel

from tieback.catalog.card import EncoderCard
from tieback.catalog.options import TransformerText
from tieback.core.errors import StartupError
from tieback.methods.pooling import Pooling, poolings
from tieback.models.manifest import link_or_copy
from tieback.models.reference import DENSE, IDS, MASK
from tieback.models.session import Session
from tieback.models.transformer_text import GRAPH, TOKENIZER, TOKENS
from tieback.recipes.graph_edits import check_tensors, load_graph, replace_outputs, run_to
from tieback.recipes.lower_precisions import add_lower_precisions
from tieback.recipes.parity import compare
from tieback.recipes.torch_export import check, export_module

TYPES = "token_type_ids"
HEAD = "head/"
SAMPLE_TOKENS = 19  # an odd length, so that nothing lines up by luck
DYNAMIC = {
    name: {0: "batch", 1: "tokens"} for name in (IDS, MASK, TOKENS)
} | {DENSE: {0: "batch"}}  # fmt: skip
# In a checkpoint but without a part in the token states, or made anew by the model.
UNUSED = ("pooler.", "embeddings.position_ids", "cls.")


def export(card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graphs and the vocabulary; returns how near they are to what they were made from."""
    metrics = _export_float32(card, weights, out, report)
    return metrics | add_lower_precisions(card, out, report)


def _export_float32(
    card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]
) -> dict[str, Any]:
    torch.set_num_threads(1)  # two threads on two shared cores were 28 times slower
    options = card.options_for(TransformerText)
    link_or_copy(weights / options.tokenizer, out / TOKENIZER)
    if card.pooling is None:
        raise StartupError(f"the card {card.name} names no pooling; its choices are {poolings.names()}")
    pooling = poolings.configure(card.pooling.name, card.pooling.parameters, field="pooling")
    sample = _sample(card, out / TOKENIZER)
    if options.weights.endswith(".onnx"):
        report("adding pooling to the graph")
        return _extend_graph(weights / options.weights, options.tokens_tensor, pooling, out / GRAPH, sample)
    report("exporting from torch")
    model = PooledTransformer(_backbone(weights, options), pooling)
    export_module(
        model,
        _example(2, sample[:5]),
        out / GRAPH,
        inputs=[IDS, MASK],
        outputs=[DENSE, TOKENS],
        dynamic=DYNAMIC,
    )
    report("checking parity")
    ids, mask = _example(3, sample)
    return check(model, out / GRAPH, {IDS: ids, MASK: mask}, [DENSE, TOKENS])


class PooledTransformer(torch.nn.Module):
    """Token numbers and mask to normalised vectors and token states."""

    def __init__(self, backbone: torch.nn.Module, pooling: Pooling) -> None:
        super().__init__()
        self.backbone, self.head = backbone, PoolingHead(pooling)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """`[batch, tokens]` twice to `[batch, width]` and `[batch, tokens, width]`."""
        states = self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return self.head(states, attention_mask), states


class PoolingHead(torch.nn.Module):
    """Token states to normalised vectors."""

    def __init__(self, pooling: Pooling) -> None:
        super().__init__()
        self.pooling = pooling

    def forward(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        """`[batch, tokens, width]` and `[batch, tokens]` to `[batch, width]`."""
        return normalize(self.pooling(states, attention_mask.to(states.dtype)), dim=-1)


def _backbone(weights: Path, options: TransformerText) -> torch.nn.Module:
    config = AutoConfig.from_pretrained(weights / options.config)
    model = AutoModel.from_config(config, attn_implementation="eager")  # type: ignore[no-untyped-call]  # theirs has no types
    missing, unexpected = model.load_state_dict(_state(weights / options.weights, model), strict=False)
    unused = [name for name in missing if not name.startswith(UNUSED)]
    unknown = [name for name in unexpected if not name.startswith(UNUSED)]
    if unused or unknown:
        raise StartupError(
            f"{options.weights} does not fit {options.config}: "
            f"it lacks {unused[:3] or 'nothing'} and has {unknown[:3] or 'nothing'} more"
        )
    return cast(torch.nn.Module, model)


def _state(path: Path, model: torch.nn.Module) -> dict[str, Tensor]:
    """The checkpoint's tensors in float32, without the prefix that models with a head put before them."""
    prefix = f"{getattr(model, 'base_model_prefix', '')}."
    return {name.removeprefix(prefix): value.float() for name, value in load_file(path).items()}


def _sample(card: EncoderCard, tokenizer: Path) -> Tensor:
    """Token numbers of the model's own vocabulary, no more than it reads: `[n]`."""
    vocabulary = Tokenizer.from_file(str(tokenizer)).get_vocab_size()
    return torch.arange(min(SAMPLE_TOKENS, card.max_tokens or SAMPLE_TOKENS)) % vocabulary


def _example(batch: int, sample: Tensor) -> tuple[Tensor, Tensor]:
    """Each row turned by one, and a mask in which the rows end at different places."""
    ids = torch.stack([sample.roll(row) for row in range(batch)])
    ends = torch.tensor([max(1, len(sample) - 3 * row) for row in range(batch)])
    return ids, (torch.arange(len(sample))[None] < ends[:, None]).long()


def _extend_graph(
    source: Path, tokens_tensor: str, pooling: Pooling, path: Path, sample: Tensor
) -> dict[str, Any]:
    """Puts the pooling's graph behind one that ends in token states, and gives it the served names."""
    model = load_graph(source)
    graph = model.graph
    states = tokens_tensor or graph.output[0].name
    check_tensors(graph, [states])
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    head = _head_graph(pooling, path, opset)
    names = {f"{HEAD}states": states, f"{HEAD}{MASK}": MASK, f"{HEAD}{DENSE}": DENSE}
    for node in head.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    if TYPES in [entry.name for entry in graph.input]:  # a single text has type 0 all through
        kept = [entry for entry in graph.input if entry.name != TYPES]
        del graph.input[:]
        graph.input.extend(kept)
        graph.node.insert(0, helper.make_node("Sub", [IDS, IDS], [TYPES], name=f"{HEAD}types"))
    graph.node.extend(head.graph.node)
    graph.node.append(helper.make_node("Identity", [states], [TOKENS], name=f"{HEAD}tokens"))
    graph.initializer.extend(head.graph.initializer)
    replace_outputs(graph, {DENSE: ["batch", None], TOKENS: ["batch", "tokens", None]})
    onnx.save(model, path)
    return _check_extended(source, states, pooling, path, sample)


def _head_graph(pooling: Pooling, path: Path, opset: int) -> onnx.ModelProto:
    temporary = path.with_name("head.onnx")
    states, (_, mask) = torch.rand(2, 7, 4), _example(2, torch.arange(7))
    export_module(
        PoolingHead(pooling),
        (states, mask),
        temporary,
        inputs=["states", MASK],
        outputs=[DENSE],
        dynamic=DYNAMIC | {"states": {0: "batch", 1: "tokens", 2: "width"}},
        opset=opset,
    )
    head = onnx.compose.add_prefix(onnx.load(temporary), HEAD)
    temporary.unlink()
    return head


def _check_extended(
    source: Path, states_name: str, pooling: Pooling, path: Path, sample: Tensor
) -> dict[str, Any]:
    ids, mask = _example(3, sample)
    inputs = {IDS: ids.numpy(), MASK: mask.numpy()}
    takes_types = any(entry.name == TYPES for entry in load_graph(source).graph.input)
    types = {TYPES: torch.zeros_like(ids).numpy()} if takes_types else {}
    states = run_to(source, [states_name], inputs | types)[0]
    expected = [PoolingHead(pooling)(torch.from_numpy(states), mask).numpy(), states]
    return compare(expected, Session(path).run([DENSE, TOKENS], inputs), [DENSE, TOKENS])
