"""Transformer text encoders: backbone, pooling and normalisation in one graph of dynamic batch and length.

Three kinds of folder end here: a transformers one (pooling by the card), a sentence-transformers one
(pooling, dense layers and normalisation by its files, where the card names no pooling) and one with an ONNX
file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import gelu, normalize

from tieback.catalog.card import EncoderCard, RerankerCard
from tieback.catalog.checker_card import CheckerCard
from tieback.catalog.classifier_card import ClassifierCard
from tieback.catalog.own_directory import LARGEST_TOKENIZER, own_file
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.core.errors import StartupError
from tieback.methods.pooling import Pooling, poolings
from tieback.models.reference import DENSE, IDS, MASK
from tieback.models.session import Session
from tieback.models.store.manifest import link_or_copy
from tieback.models.text.transformer_text import GRAPH, TOKENIZER, TOKENS
from tieback.models.text.working_memory import WorkingMemory
from tieback.recipes.graphs.architectures import positions
from tieback.recipes.graphs.attention import attends
from tieback.recipes.graphs.backbone import (
    LayeredBackbone,
    load_model,
    load_tensors,
    read_text_config,
)
from tieback.recipes.graphs.extend import extend_graph
from tieback.recipes.graphs.lower_precisions import add_lower_precisions
from tieback.recipes.graphs.sentence_modules import (
    Dense,
    Normalize,
    SentenceModules,
    Step,
    Truncate,
    read_modules,
)
from tieback.recipes.graphs.torch_export import export_network

SAMPLE_TOKENS = 19  # an odd length, so that nothing lines up by luck
LONG_TOKENS = 601  # beyond the windows that encoders attend within, but for the longest
BY_TOKEN = {0: "batch", 1: "tokens"}
ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda vectors: vectors,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "gelu": gelu,
    "sigmoid": torch.sigmoid,
}


def export(card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graphs and the vocabulary; returns how near they are to what they were made from."""
    metrics = export_float32(card, weights, out, report)
    return metrics | add_lower_precisions(card, out, report)


def export_float32(
    card: EncoderCard,
    weights: Path,
    out: Path,
    report: Callable[[str], None],
    write: Callable[..., dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Writes the graph and the vocabulary. `write` writes that of a backbone in torch, in place of ours."""
    torch.set_num_threads(1)  # two threads on two shared cores were 28 times slower
    options = card.options_for(TransformerText)
    link_or_copy(own_file(weights, options.tokenizer, largest=LARGEST_TOKENIZER), out / TOKENIZER)
    vocabulary = vocabulary_of(out / TOKENIZER)
    modules = read_modules(weights) if card.pooling is None else None
    if modules is not None and options.prompt and not modules.pools_prompt:
        raise StartupError(
            f"{card.name}: the folder leaves the prompt out of the pooling (include_prompt), which is not "
            "done here; serve it without a prompt"
        )
    if options.weights.endswith(".onnx"):
        report("completing the graph")
        ids, mask = example(3, sample_of(card, vocabulary))
        metrics = extend_graph(card, weights, modules, out / GRAPH, ids, mask)
    else:
        pooling = _pooling(card, modules)
        if pooling is None:
            raise StartupError(
                f"the card {card.name} names no pooling, and its folder is not one of sentence-transformers, "
                f"which would say; the choices are: {', '.join(poolings.names())} (pooling: {{name: mean}})"
            )
        module = _module(card, weights, modules, pooling)
        sample = sample_of(card, vocabulary, LONG_TOKENS)
        metrics = (write or write_graph)(*module, sample, out / GRAPH, report)
        model = module[0].model
        if memory := WorkingMemory.of(model.config, in_blocks=attends(type(model), model.config)):
            metrics |= memory.metrics()
    check_width(card, out / GRAPH, example(1, sample_of(card, vocabulary)))
    return metrics


def _module(
    card: EncoderCard, weights: Path, modules: SentenceModules | None, pooling: Pooling
) -> tuple[LayeredBackbone, TextHead]:
    options = card.options_for(TransformerText)
    config = read_text_config(weights, options.config)
    check_fit(card, config, vocabulary_of(own_file(weights, options.tokenizer)))
    backbone = LayeredBackbone(load_model(weights, options.weights, config, options.config))
    steps = modules.steps if modules is not None else ()
    return backbone, TextHead(pooling, [_layer(weights, step) for step in steps])


def write_graph(
    backbone: LayeredBackbone, head: TextHead, sample: Tensor, path: Path, report: Callable[[str], None]
) -> dict[str, Any]:
    """Writes the graph of both, and returns its parity with torch on the sample's token numbers."""
    return write_vectors(PooledTransformer(backbone, head), sample, path, report)


def write_vectors(
    model: torch.nn.Module, sample: Tensor, path: Path, report: Callable[[str], None]
) -> dict[str, Any]:
    """Writes the graph of a module that gives a text's vector and those of its tokens; returns its parity."""
    report("exporting from torch, and checking parity")
    axes = dict.fromkeys([IDS, MASK], BY_TOKEN)
    return export_network(model, text_examples(sample), path, outputs=[DENSE, TOKENS], dynamic=axes)


class PooledTransformer(torch.nn.Module):
    """Token numbers and mask to normalised vectors and the states of the tokens."""

    def __init__(self, backbone: LayeredBackbone, head: TextHead) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """`[batch, tokens]` twice to `[batch, width]` and `[batch, tokens, width]`."""
        states = self.backbone(input_ids, attention_mask)
        return self.head(states, attention_mask.to(states[-1].dtype)), states[-1]


class TextHead(torch.nn.Module):
    """States of layers to normalised vectors: a pooling, and the steps behind it."""

    def __init__(self, pooling: Pooling, steps: Sequence[torch.nn.Module]) -> None:
        super().__init__()
        self.pooling = pooling
        self.steps = torch.nn.Sequential(*steps)

    def forward(self, states: Sequence[Tensor], sizes: Tensor) -> Tensor:
        """As a pooling, of length 1."""
        return normalize(self.steps(self.pooling(states, sizes)), dim=-1)


class DenseLayer(torch.nn.Module):
    """A linear layer and its activation: `[batch, inputs]` to `[batch, outputs]`."""

    def __init__(self, dense: Dense, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(dense.inputs, dense.outputs, bias=dense.bias)
        self.load_state_dict(dict(tensors))
        self.activation = ACTIVATIONS[dense.activation]

    def forward(self, vectors: Tensor) -> Tensor:
        """See the class."""
        return self.activation(self.linear(vectors))


class UnitLength(torch.nn.Module):
    """Vectors of length 1."""

    def forward(self, vectors: Tensor) -> Tensor:
        """`[batch, width]` to the same."""
        return normalize(vectors, dim=-1)


class Leading(torch.nn.Module):
    """The first dimensions of vectors."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, vectors: Tensor) -> Tensor:
        """`[batch, width]` to `[batch, its own]`."""
        return vectors[:, : self.width]


def vocabulary_of(tokenizer: Path) -> int:
    """How many tokens there are. StartupError where the file is no tokenizer's."""
    try:
        return int(Tokenizer.from_file(str(tokenizer)).get_vocab_size())
    except Exception as error:  # the parser raises the bare class
        raise StartupError(f"{tokenizer.name} is not a tokenizer.json that can be read: {error}") from error


def text_examples(sample: Tensor) -> list[dict[str, Tensor]]:
    """Two texts to trace, then a short one, some of different lengths, and a long one, as inputs by name."""
    some = sample[:SAMPLE_TOKENS]
    each = [example(2, some[:5]), example(1, some[:2]), example(3, some), example(1, sample)]
    return [{IDS: ids, MASK: mask} for ids, mask in each]


def example(batch: int, sample: Tensor) -> tuple[Tensor, Tensor]:
    """Each row turned by one, and a mask in which the rows end at different places."""
    ids = torch.stack([sample.roll(row) for row in range(batch)])
    ends = torch.tensor([max(1, len(sample) - 3 * row) for row in range(batch)])
    return ids, (torch.arange(len(sample))[None] < ends[:, None]).long()


def check_width(card: EncoderCard, graph: Path, inputs: tuple[Tensor, Tensor]) -> None:
    """StartupError where the vectors are not as wide as the card states."""
    (dense,) = Session(graph).run([DENSE], {IDS: inputs[0].numpy(), MASK: inputs[1].numpy()})
    if dense.shape[-1] != card.width:
        raise StartupError(
            f"the card {card.name} says width {card.width}, and the model's vectors have {dense.shape[-1]}; "
            f"write width: {dense.shape[-1]}"
        )


def _pooling(card: EncoderCard, modules: SentenceModules | None) -> Pooling | None:
    if card.pooling is not None:
        return poolings.configure(card.pooling.name, card.pooling.parameters, field="pooling")
    return None if modules is None else poolings.configure(modules.pooling)


def _layer(weights: Path, step: Step) -> torch.nn.Module:
    if isinstance(step, Normalize):
        return UnitLength()
    if isinstance(step, Truncate):
        return Leading(step.outputs)
    shapes: dict[str, tuple[int, ...]] = {"linear.weight": (step.outputs, step.inputs)}
    if step.bias:
        shapes["linear.bias"] = (step.outputs,)
    return DenseLayer(step, load_tensors(own_file(weights, f"{step.folder}/model.safetensors"), shapes))


def check_fit(
    card: EncoderCard | RerankerCard | CheckerCard | ClassifierCard, config: Any, vocabulary: int
) -> None:
    """The tokenizer's numbers have rows, and the longest text has positions."""
    if vocabulary > config.vocab_size:
        raise StartupError(
            f"the tokenizer has {vocabulary} tokens and the model {config.vocab_size}; "
            "they are not of one model"
        )
    is_relative = getattr(config, "position_biased_input", True) is False  # of DeBERTa: no text is too long
    places = None if is_relative else getattr(config, "max_position_embeddings", None)
    most = positions(config.model_type, places, config.pad_token_id)
    if most is not None and (card.max_tokens is None or card.max_tokens > most):
        raise StartupError(
            f"the model has positions for {most} tokens, and the card {card.name} lets in "
            f"{card.max_tokens or 'any number'}; write max_tokens: {most} or less"
        )


def sample_of(
    card: EncoderCard | RerankerCard | CheckerCard | ClassifierCard,
    vocabulary: int,
    most: int = SAMPLE_TOKENS,
) -> Tensor:
    """Token numbers of the model's own vocabulary, no more than it reads: `[n]`."""
    return torch.arange(min(most, card.max_tokens or most)) % vocabulary
