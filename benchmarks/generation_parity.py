"""Greedy answers of the graph against those of transformers, token for token, in float32.

The generator's weights are written into a graph with float32 arithmetic, and into transformers' own model;
both answer the first questions of `answerable/*.jsonl` in --data. What is served quantises activations too,
and what that costs is measured by each export (`tieback models pull`).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tieback.catalog.catalog import Catalog
from tieback.catalog.runtimes.causal_language_model import CausalLanguageModel
from tieback.generator.writing.engine import READ_TOKENS
from tieback.generator.writing.prompting import messages, plain_request
from tieback.models.language.decoder import Decoder
from tieback.models.language.model import GRAPH, load_language_model
from tieback.models.store import Store
from tieback.recipes.export.causal_language_model import read_weights
from tieback.recipes.networks.llama_drift import torch_model
from tieback.recipes.networks.llama_graph import write_graph
from tieback.recipes.networks.llama_weights import recoded

from benchmarks.generation_speed import read
from benchmarks.report import Report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", required=True, help="has answerable/*.jsonl")
    parser.add_argument("--prompts", type=int, default=50, help="so many questions")
    parser.add_argument("--tokens", type=int, default=24, help="tokens of an answer")


def run(options: argparse.Namespace) -> Report:
    rows = read(options.data, options.prompts)
    if not rows:
        raise SystemExit("generation_parity: --data: there is no answerable/*.jsonl with questions in it")
    [card, *_] = Catalog.load().generators()
    store = Store()
    served = load_language_model(card, store)
    held = recoded(read_weights(store.weights(card), card.options_for(CausalLanguageModel).weights))
    reference = torch_model(held)
    same, agreed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        write_graph(held, Path(folder) / GRAPH, arithmetic="float32")
        decoder = Decoder(Path(folder) / GRAPH)
        for row in rows:
            prompt = served.prompt(messages(plain_request(row.question, (), system=served.system_prompt)))
            found = by_graph(decoder, prompt, options.tokens)
            expected = by_torch(reference, prompt, options.tokens)
            same += found == expected
            agreed += sum(one == other for one, other in zip(found, expected, strict=True))
    report = Report()
    report.claim("greedy answers that are those of transformers", same / len(rows), "", ">= 1")
    report.table(
        "Answers",
        [{"prompts": len(rows), "same": same, "tokens": len(rows) * options.tokens, "agreed": agreed}],
    )
    return report


def by_graph(decoder: Decoder, prompt: Sequence[int], tokens: int) -> list[int]:
    """The greedy answer of so many tokens, whatever they are."""
    streams = decoder.open({"": prompt}, room=tokens)
    while not streams.read(READ_TOKENS):
        pass
    written = [int(streams.logits[""][0].argmax())]
    while len(written) < tokens:
        written.append(int(streams.step(written[-1])[""][0].argmax()))
    return written


def by_torch(model: Any, prompt: Sequence[int], tokens: int) -> list[int]:
    """The same by transformers, through its own cache."""
    asked = torch.tensor([prompt])
    every = model.generate(asked, max_new_tokens=tokens, do_sample=False, eos_token_id=None)
    answer: list[int] = every[0, len(prompt) :].tolist()
    return answer
