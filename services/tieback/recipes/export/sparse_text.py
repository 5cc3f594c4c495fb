"""Sparse text encoders: backbone, masked-language-model head and SPLADE's pooling in one graph.

Pooled as the paper writes it, the graph would pass over a logit for each token and each term four times. But
log(1 + ReLU(x)) only grows with x, so it can follow the maximum; a term's bias is the same at every token, so
it can too; and what is masked can repeat the first token's state, which adds nothing to a maximum. So the
graph multiplies, takes the maximum, and does the rest per text. It is checked against the paper's order.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoConfig, AutoModelForMaskedLM

from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.sparse_text import SparseText
from tieback.core.errors import StartupError
from tieback.core.types.encoding import Truncation
from tieback.models.reference import IDS, MASK
from tieback.models.session import Session
from tieback.models.store.manifest import link_or_copy
from tieback.models.text.sparse_text import WEIGHTS
from tieback.models.text.tokenization import TextTokenizer
from tieback.models.text.transformer_text import GRAPH, TOKENIZER, padded
from tieback.recipes.export.transformer_text import BY_TOKEN
from tieback.recipes.graphs.edits import compare
from tieback.recipes.graphs.torch_export import export_network
from tieback.training.data.texts import SAMPLE

OLD_NAMES = {".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"}
# In checkpoints of BERT's, without a part in the head's logits.
UNUSED = ("pooler.", "seq_relationship.", "position_ids")


def export(card: EncoderCard, weights: Path, out: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the graph and the vocabulary; returns how near the graph is to the paper's formula in torch."""
    torch.set_num_threads(1)  # two threads on two shared cores were 28 times slower
    options = card.options_for(SparseText)
    link_or_copy(weights / options.tokenizer, out / TOKENIZER)
    model = load_masked_language_model(weights / options.config, weights / options.weights)
    ids, mask = _sample(card, out / TOKENIZER)
    report("running the model in torch")
    expected = term_weights(model, ids, mask)
    if expected.shape[1] != card.width:
        raise StartupError(
            f"{card.name}: the vocabulary has {expected.shape[1]} terms and the card's width is {card.width}"
        )
    report("exporting from torch, and checking parity")
    first = {IDS: ids[:2, :5], MASK: mask[:2, :5]}
    axes = dict.fromkeys(first, BY_TOKEN)
    export_network(SparseTransformer(model), [first], out / GRAPH, outputs=[WEIGHTS], dynamic=axes)
    found = Session(out / GRAPH).run([WEIGHTS], {IDS: ids.numpy(), MASK: mask.numpy()})
    return compare([expected.numpy()], found, [WEIGHTS])


@torch.no_grad()
def term_weights(model: torch.nn.Module, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """As the paper writes it, the maximum over tokens of log(1 + ReLU(logit)): `[batch, vocabulary]`."""
    logits = model(input_ids=input_ids, attention_mask=attention_mask).logits
    return (torch.log1p(torch.relu(logits)) * attention_mask[..., None]).amax(dim=1)


class SparseTransformer(torch.nn.Module):
    """Token numbers and mask to the weights of terms, in the order that costs least.

    It takes the model apart, which is then of no other use.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        decoder = model.get_output_embeddings()
        self.weight, self.bias = decoder.weight, decoder.bias
        model.set_output_embeddings(_Through())
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """`[batch, tokens]` twice to `[batch, vocabulary]`."""
        # What would have gone into the decoder:
        states = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        states = torch.where(attention_mask[..., None].bool(), states, states[:, :1])
        highest = (states @ self.weight.T).amax(dim=1) + self.bias
        return torch.log1p(torch.relu(highest))


class _Through(torch.nn.Identity):
    """Stands where a decoder stood, whose bias some models hold too."""

    bias = None


def load_masked_language_model(config: Path, weights: Path) -> torch.nn.Module:
    """The model with the checkpoint's tensors in float32. StartupError where the two do not fit."""
    model = AutoModelForMaskedLM.from_config(  # type: ignore[no-untyped-call]  # theirs has no types
        AutoConfig.from_pretrained(config), attn_implementation="eager"
    )
    state = {_new_name(name): value.float() for name, value in load_file(weights).items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    parameters = dict(model.named_parameters(remove_duplicate=False))
    there = {parameters[name].data_ptr() for name in state if name in parameters}
    # A tied parameter has two names, and a checkpoint one of them.
    lacking = [name for name in missing if name in parameters and parameters[name].data_ptr() not in there]
    unknown = [name for name in unexpected if not any(part in name for part in UNUSED)]
    if lacking or unknown:
        raise StartupError(
            f"{weights.name} does not fit {config.name}: "
            f"it lacks {lacking[:3] or 'nothing'} and has {unknown[:3] or 'nothing'} more"
        )
    return cast(torch.nn.Module, model.eval())


def _new_name(name: str) -> str:
    for old, new in OLD_NAMES.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def _sample(card: EncoderCard, tokenizer: Path) -> tuple[Tensor, Tensor]:
    """The sample's paragraphs, no more of each than the model reads, as token numbers and mask."""
    read = TextTokenizer(tokenizer, max_tokens=card.max_tokens, special_tokens=True)
    texts = [text for text in SAMPLE.splitlines() if text]
    ids, mask = padded([read(text, Truncation.END)[0].ids for text in texts])
    return torch.from_numpy(ids), torch.from_numpy(mask)
