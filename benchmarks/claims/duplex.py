"""Method 34: a model that is pre-trained to predict the words of a text gives a sparse view of it, which adds
to the dense one (RetroMAE-2 or DupMAE, arXiv:2305.02564).

A BERT of two layers is pre-trained on 2,000 real sentences alone, of fifteen tokens at most. Its [CLS] state
has to let a weak decoder rebuild the sentence (RetroMAE): the decoder is one layer, each of its queries is
[CLS] and a position, and half of what it looks at is masked. The logits of the other tokens, with the largest
over the tokens for each word, have to predict the words of the sentence (the loss of the bag of words). Then
the sentences are searched by sentences that follow from them, of which nothing was learned: by [CLS], and by
[CLS] and the sparse view together, as the sum of their cosines. The sparse view has the largest of the
maximal logits. Without the loss of the bag of words, the gain should be gone.

It is not gone here: about half of it stays. The head that predicts masked words gives the words of a text
too, if not as well, so there is a sparse view without the loss of the bag of words.

The paper pre-trains a BERT of twelve layers on millions of passages, projects [CLS], and fine-tunes both
views by judged queries.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.training.loop import Plan, batch, train
from tieback_contract.arrays import Array
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import cross_entropy, gelu, normalize
from transformers import BertConfig, BertModel

from benchmarks.claims import by_seed, claim
from benchmarks.claims._frozen import ENCODER, data_folder
from benchmarks.report import Report, Tried

METHOD = "34 (arXiv:2305.02564)"
OF = Tried(34, "paper", product=False, data="real")
SENTENCES, LONGEST = 2000, 16
PAD, MASKED, UNKNOWN, CLS = range(4)
OWN = 4  # tokens that are no words
WIDTH, LAYERS, HEADS = 128, 2, 4
ENCODER_MASKED, DECODER_MASKED = 0.3, 0.5
STEPS, BATCH, RATE = 300, 32, 1e-3
TERMS = 32
"""Words of a sparse view at most."""
BEST, POINTS = 10, 2.0


@dataclass(frozen=True, slots=True)
class Sentences:
    """Token numbers `[n, LONGEST]` of sentences and of the queries that follow from them; and how many there
    are of tokens.
    """

    corpus: Tensor
    queries: Tensor
    vocabulary: int


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims what the sparse view adds, with the loss of the bag of words and without it."""
    sentences = read(data_folder())

    def one(seed: int) -> dict[str, float]:
        row: dict[str, float] = {}
        for name, weight in (("", 1.0), (" without the bag of words", 0.0)):
            dense, both = measured(pretrained(sentences, weight, seed), sentences)
            row |= {f"[CLS]{name}": dense, f"[CLS] and words{name}": both}
        return row

    rows = by_seed(
        report, f"{METHOD}: nDCG@{BEST} of {len(sentences.queries)} queries, points", seeds, one, say
    )
    for name, target in (("", f">= {POINTS:g}"), (" without the bag of words", f"< {POINTS:g}")):
        gained = [row[f"[CLS] and words{name}"] - row[f"[CLS]{name}"] for row in rows]
        claim(report, OF, f"{METHOD}: nDCG@{BEST} that the sparse view adds{name}", gained, "points", target)


def read(folder: Path) -> Sentences:
    """The first short premises, each once, with a hypothesis that follows, and the words of the premises."""
    pairs: dict[str, str] = {}
    with (folder / "nli" / "train.jsonl").open() as lines:
        for line in lines:
            said = json.loads(line)
            if said["source"] == "snli" and said["label"] == "entailment":
                pairs.setdefault(said["premise"], said["hypothesis"])
    card = next(card for card in Catalog.load().encoders() if card.name == ENCODER)
    tokenizer = Tokenizer.from_file(str(Store().weights(card) / "tokenizer.json"))
    tokenizer.no_padding()
    sides = [
        [one.ids for one in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
        for texts in (pairs, pairs.values())
    ]
    short = [pair for pair in zip(*sides, strict=True) if len(pair[0]) < LONGEST][:SENTENCES]
    return numbered([one for one, _ in short], [other for _, other in short])


def numbered(corpus: Sequence[Sequence[int]], queries: Sequence[Sequence[int]]) -> Sentences:
    """Tokens numbered anew: those that the corpus has, [CLS] before each text, the others unknown."""
    known = {token: OWN + place for place, token in enumerate(sorted({one for ids in corpus for one in ids}))}

    def rows(texts: Sequence[Sequence[int]]) -> Tensor:
        found = torch.full((len(texts), LONGEST), PAD)
        for row, ids in enumerate(texts):
            own = [CLS, *(known.get(one, UNKNOWN) for one in ids)][:LONGEST]
            found[row, : len(own)] = torch.tensor(own)
        return found

    return Sentences(rows(corpus), rows(queries), OWN + len(known))


class Duplex(torch.nn.Module):
    """A small BERT, a head for its words, and a decoder of one layer."""

    def __init__(self, vocabulary: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        config = BertConfig(
            vocab_size=vocabulary,
            hidden_size=WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=4 * WIDTH,
            max_position_embeddings=LONGEST,
        )
        bert = BertModel(config, add_pooling_layer=False)
        self.bert: Any = bert.eval()  # type: ignore[no-untyped-call]  # no dropout: texts are few, and masked
        self.head = torch.nn.Linear(WIDTH, WIDTH)
        self.norm = torch.nn.LayerNorm(WIDTH)
        self.bias = torch.nn.Parameter(torch.zeros(vocabulary))
        self.decoder = torch.nn.TransformerDecoderLayer(WIDTH, HEADS, 4 * WIDTH, 0.0, batch_first=True)

    @property
    def table(self) -> Tensor:
        """The words' embeddings `[vocabulary, WIDTH]`, which are the last layer of both heads too."""
        weights: Tensor = self.bert.embeddings.word_embeddings.weight
        return weights

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """The states `[n, LONGEST, WIDTH]` and the logits of the words `[n, LONGEST, vocabulary]`."""
        states: Tensor = self.bert(input_ids=tokens, attention_mask=(tokens != PAD).long()).last_hidden_state
        return states, self.words(states)

    def words(self, states: Tensor) -> Tensor:
        """Logits of the vocabulary."""
        logits: Tensor = self.norm(gelu(self.head(states))) @ self.table.T + self.bias
        return logits

    def rebuilt(self, cls: Tensor, tokens: Tensor) -> Tensor:
        """The decoder's logits `[n, LONGEST, vocabulary]`, by [CLS] `[n, WIDTH]` and tokens with masks."""
        positions = self.bert.embeddings.position_embeddings.weight
        seen = torch.cat([cls[:, None], (self.table[tokens] + positions)[:, 1:]], dim=1)
        hidden = tokens == PAD
        return self.words(self.decoder(cls[:, None] + positions, seen, memory_key_padding_mask=hidden))


def pretrained(sentences: Sentences, weight: float, seed: int) -> Duplex:
    """The model, with so much of the loss of the bag of words."""
    module = Duplex(sentences.vocabulary, seed)

    def loss(draw: torch.Generator) -> Tensor:
        tokens = sentences.corpus[batch(len(sentences.corpus), BATCH, draw)]
        states, logits = module(masked(tokens, ENCODER_MASKED, draw))
        rebuilt = module.rebuilt(states[:, 0], masked(tokens, DECODER_MASKED, draw))
        words = tokens >= OWN
        targets = tokens[words]
        losses = cross_entropy(logits[words], targets) + cross_entropy(rebuilt[words], targets)
        if not weight:
            return losses
        return losses + weight * bag_of_words(largest(logits, words), tokens)

    train(module, loss, Plan(STEPS, RATE, seed=seed))
    return module


def masked(tokens: Tensor, share: float, draw: torch.Generator) -> Tensor:
    """The tokens with about that share of the words masked."""
    hidden = (torch.rand(tokens.shape, generator=draw) < share) & (tokens >= OWN)
    return tokens.masked_fill(hidden, MASKED)


def largest(logits: Tensor, words: Tensor) -> Tensor:
    """The largest logit `[n, vocabulary]` that any of a text's `words` has for each word."""
    return logits.masked_fill(~words[..., None], torch.finfo(logits.dtype).min).amax(dim=1)


def bag_of_words(logits: Tensor, tokens: Tensor) -> Tensor:
    """How badly `logits` `[n, vocabulary]` predict the words of texts `[n, LONGEST]`, each word once."""
    there = torch.zeros_like(logits).scatter(1, tokens, 1.0)
    there[:, :OWN] = 0
    likely = logits.log_softmax(dim=1)
    return -((likely * there).sum(dim=1) / there.sum(dim=1).clamp_min(1)).mean()


def measured(module: Duplex, sentences: Sentences) -> tuple[float, float]:
    """nDCG in points by [CLS] alone, and by [CLS] and the words."""
    (corpus, of_corpus), (queries, of_queries) = (
        views(module, side) for side in (sentences.corpus, sentences.queries)
    )
    dense, sparse = queries @ corpus.T, of_queries @ of_corpus.T
    return ndcg(dense.numpy()), ndcg((dense + sparse).numpy())


def views(module: Duplex, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """The dense view `[n, WIDTH]` and the sparse one `[n, vocabulary]` of texts, both of length 1."""
    dense, sparse = [], []
    with torch.no_grad():
        for part in torch.split(tokens, 100):
            states, logits = module(part)
            found = largest(logits, part >= OWN).clamp_min(0)
            found[:, :OWN] = 0
            least = found.topk(min(TERMS, found.shape[1]), dim=1).values[:, -1:]
            dense.append(normalize(states[:, 0], dim=1))
            sparse.append(normalize(found.masked_fill(found < least, 0), dim=1))
    return torch.cat(dense), torch.cat(sparse)


def ndcg(scores: Array) -> float:
    """nDCG@BEST in points, where query i is to find text i of `[queries, texts]` and no other."""
    ranks = (scores >= scores.diagonal()[:, None]).sum(axis=1)
    return float(100 * np.where(ranks <= BEST, 1 / np.log2(ranks + 1), 0).mean())
