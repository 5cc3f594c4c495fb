"""Speed of writing answers: against a bare loop, eight at once, with two prompts, by drafts, and again.

Everything runs in this process, with one thread for the model. In every round all sides take turns, and times
are processor times of the process, which other work on the machine changes less than it changes the time that
passes. Claims are ratios within rounds; their intervals are by drawing rounds.

Passages and questions are those of `answerable/*.jsonl` in --data, drawn evenly from the file.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tieback.catalog.catalog import Catalog
from tieback.catalog.runtimes.causal_language_model import CausalLanguageModel
from tieback.core.call import NO_CALL
from tieback.core.tenant import TENANT
from tieback.core.types.generation import GenerateRequest
from tieback.encoder import Encoder
from tieback.generator import Generator, GeneratorParts
from tieback.generator.writing.engine import READ_TOKENS
from tieback.generator.writing.prompting import messages, plain_request
from tieback.models.language.model import LanguageModel, load_language_model
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback_contract.answers import AnswerStyle, Finish, TextDelta
from tieback_contract.generation import Evidence, Grounding, SamplingParameters
from tieback_contract.method_choice import MethodChoice

from benchmarks.data_folder import read_rows
from benchmarks.peers.llama_cpp import LlamaCpp, loaded
from benchmarks.report import BOOTSTRAP, Report
from benchmarks.statistics import spread

TOKENS, STREAMS, ANSWERED = 96, 8, 6
"""Tokens of an answer at most, which is the server's default; answers at once; questions that every strategy
answers."""

SPACE = "all-minilm-l6-v2"
STORIES = ("the sea", "a lighthouse", "bread", "a railway", "winter", "a violin", "the moon", "a market")
PLAIN = SamplingParameters(max_tokens=TOKENS, prompt_lookup=False)
DRAFTED = SamplingParameters(max_tokens=TOKENS)
STRATEGIES: dict[str, dict[str, float]] = {
    "context_aware": {},
    "m3id": {},
    "vcd": {},
    "ritual": {},
    "icd": {},
    "lol": {"omega": 0.0},
    "dola": {},
}
"""Each with the evidence and, but for the last, with a second prompt. DoLa reads eight lower layers."""
REPEATING = "Repeat this text word for word:"
QUOTING = "Copy the sentence of the text that answers the question, word for word."
KINDS = {"repeating a text": ">= 1.5", "answering from a text": ">= 1.5", "from memory": ">= 1"}
"""What is asked for, with the wanted ratio of its speed by drafts to that by steps."""

UNGROUNDED = Grounding(abstain_below=0.0, disabled=True)


@dataclass(frozen=True, slots=True)
class Row:
    """A passage, and a question about it."""

    question: str
    passage: str


@dataclass(frozen=True, slots=True)
class Written:
    """An answer; `first` and `whole` are processor seconds to its first text and to its end."""

    text: str
    finish: Finish
    first: float
    whole: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", required=True, help="has answerable/*.jsonl")
    parser.add_argument("--model", default="", metavar="NAME", help="the generator; the catalog's first")
    parser.add_argument("--cards", type=Path, metavar="DIR", help="has cards of your own, as TIEBACK_CARDS")
    parser.add_argument("--rounds", type=int, default=5, help="rounds in which all sides take turns")
    parser.add_argument("--questions", type=int, default=12, help="so many questions with their passages")
    parser.add_argument(
        "--llama-cpp",
        action="store_true",
        help="llama.cpp has turns too, with the same GGUF file; the first time it is compiled",
    )


def run(options: argparse.Namespace) -> Report:
    rows = read(options.data, options.questions)
    if not rows:
        raise SystemExit("generation_speed: --data: there is no answerable/*.jsonl with questions in it")
    card = next(one for one in Catalog.load(options.cards).generators() if options.model in ("", one.name))
    model = load_language_model(card, Store())
    if not options.llama_cpp:
        return asyncio.run(measured(model, rows, options.rounds, None))
    file = Store().weights(card) / card.options_for(CausalLanguageModel).weights
    if file.suffix != ".gguf":
        raise SystemExit(f"generation_speed: --llama-cpp: the weights of {card.name} are no GGUF file")
    with loaded(file, card.context_tokens) as peer:
        return asyncio.run(measured(model, rows, options.rounds, peer))


def read(data: Path, most: int) -> list[Row]:
    """Rows from all over the files, each with another passage."""
    found = {}
    for file in sorted((data / "answerable").glob("*.jsonl")):
        for one in read_rows(file):
            if one["answerable"] and len(one["passage"]) < 1500:
                found[one["passage"]] = one["question"]
    step = max(len(found) // most, 1)
    return [Row(question, passage) for passage, question in list(found.items())[::step][:most]]


async def measured(model: LanguageModel, rows: Sequence[Row], rounds: int, peer: LlamaCpp | None) -> Report:
    """Runs the rounds."""
    catalog = {card.name: card for card in Catalog.load().encoders()}
    encoder = Encoder([load_encoder(catalog[SPACE], Store())])
    fresh = Generator(GeneratorParts([model], encoder, space=SPACE, slots=STREAMS, prefix_bytes=0))
    keeping = Generator(GeneratorParts([model], encoder, space=SPACE, slots=STREAMS))
    times: dict[str, list[float]] = defaultdict(list)
    counts: dict[str, int] = defaultdict(int)
    for number in range(rounds):
        await _streams(model, fresh, times)
        await _strategies(fresh, rows, times)
        await _drafts(fresh, rows, times, counts)
        await _repeated(keeping, rows, times, number)
        if peer is not None:
            await _beside(peer, model, fresh, rows, times)
    for generator in (fresh, keeping):
        await generator.close()
    await encoder.close()
    report = Report()
    _claims(report, times, counts)
    report.table("Drafts, over all rounds", [{"kind": key, "count": one} for key, one in counts.items()])
    report.table(
        "Processor time, milliseconds",
        [
            {"what": name, "median": 1000 * one.value, "low": 1000 * one.low, "high": 1000 * one.high}
            for name, one in ((name, spread(values)) for name, values in times.items())
        ],
    )
    return report


async def _streams(model: LanguageModel, generator: Generator, times: dict[str, list[float]]) -> None:
    asked = [f"Write a long story about {what}." for what in STORIES]
    times["a token, bare loop"].append(bare(model, asked[0]))
    one = await written(generator, asked[0], PLAIN)
    times["a token, one answer"].append(one.whole / one.finish.completion_tokens)
    began = time.process_time()
    every = await asyncio.gather(*(written(generator, prompt, PLAIN) for prompt in asked))
    tokens = sum(answer.finish.completion_tokens for answer in every)
    times["a token, eight answers at once"].append((time.process_time() - began) / tokens)


async def _strategies(generator: Generator, rows: Sequence[Row], times: dict[str, list[float]]) -> None:
    """The same questions about the same passages with each strategy, after the first token of each answer."""
    every = {"plain": PLAIN} | {
        name: replace(PLAIN, seed=1, strategy=MethodChoice(name, parameters))
        for name, parameters in STRATEGIES.items()
    }
    for name, sampling in every.items():
        seconds, tokens = 0.0, 0
        for row in rows[:ANSWERED]:
            one = await written(generator, row.question, sampling, [Evidence(row.passage, "1")])
            seconds += one.whole - one.first
            tokens += one.finish.completion_tokens - 1
        times[f"a token after the first, {name}"].append(seconds / max(tokens, 1))


async def _drafts(
    generator: Generator, rows: Sequence[Row], times: dict[str, list[float]], counts: dict[str, int]
) -> None:
    asked = (
        [f"{REPEATING} {row.passage[:300]}" for row in rows],
        [f"{QUOTING}\n\n{row.passage}\n\nQuestion: {row.question}" for row in rows],
        [row.question for row in rows],
    )
    for kind, prompts in zip(KINDS, asked, strict=True):
        seconds = {"steps": 0.0, "drafts": 0.0}
        for prompt in prompts:
            steps = await written(generator, prompt, PLAIN)
            drafts = await written(generator, prompt, DRAFTED)
            seconds["steps"] += steps.whole - steps.first
            seconds["drafts"] += drafts.whole - drafts.first
            counts[f"{kind}: answers"] += 1
            counts[f"{kind}: answers that are the same, token for token"] += steps.text == drafts.text
            counts[f"{kind}: tokens"] += drafts.finish.completion_tokens
            counts[f"{kind}: drafted"] += drafts.finish.drafted_tokens
            counts[f"{kind}: accepted"] += drafts.finish.accepted_tokens
        for side, whole in seconds.items():
            times[f"all answers, {kind}, by {side}"].append(whole)


async def _repeated(
    generator: Generator, rows: Sequence[Row], times: dict[str, list[float]], number: int
) -> None:
    """Each round is a tenant's of its own, for whom nothing was read yet."""
    TENANT.set(f"round-{number}")
    brief = SamplingParameters(max_tokens=2)
    cold, warm, read_first, other = 0.0, 0.0, 0.0, 0.0
    for row in rows[:4]:
        TENANT.set(f"round-{number}-{row.question}")
        evidence = [Evidence(row.passage, "1")]
        cold += (await written(generator, row.question, brief, evidence)).first
        warm += (await written(generator, row.question, brief, evidence)).first
        text = f"{row.passage}\n\nQuestion: "
        read_first += (await written(generator, text + row.question, brief)).first
        other += (await written(generator, f"{text}What is this about?", brief)).first
    times["first text of 4, never read"].append(cold)
    times["first text of 4, the same evidence and question again"].append(warm)
    times["first text of 4, a passage in the prompt, never read"].append(read_first)
    times["first text of 4, the same passage with another question"].append(other)


async def _beside(
    peer: LlamaCpp,
    model: LanguageModel,
    generator: Generator,
    rows: Sequence[Row],
    times: dict[str, list[float]],
) -> None:
    """llama.cpp and the product's generator with the same prompts, each read anew."""
    prompt = f"Write a long story about {STORIES[0]}."
    ours = await written(generator, prompt, PLAIN)
    theirs = peer.ask(prompt_tokens(model, prompt), ours.finish.completion_tokens)
    times["a token, beside llama.cpp"].append(ours.whole / ours.finish.completion_tokens)
    times["a token, llama.cpp"].append((theirs.read + theirs.write) / len(theirs.tokens))
    read = {"ours": 0.0, "theirs": 0.0}
    for row in rows[:ANSWERED]:
        asked = f"{row.passage}\n\nQuestion: {row.question}"
        read["ours"] += (await written(generator, asked, replace(PLAIN, max_tokens=2))).first
        read["theirs"] += peer.ask(prompt_tokens(model, asked), 1).read
    times["first token of 6 prompts, beside llama.cpp"].append(read["ours"])
    times["first token of 6 prompts, llama.cpp"].append(read["theirs"])


def prompt_tokens(model: LanguageModel, prompt: str) -> list[int]:
    """Tokens that the generator has the model read."""
    return model.prompt(messages(plain_request(prompt, (), system=model.system_prompt)))


def bare(model: LanguageModel, prompt: str) -> float:
    """Processor seconds a token of a loop over the session that does nothing else."""
    tokens = prompt_tokens(model, prompt)
    began, count = time.process_time(), 1
    streams = model.open({"": tokens}, room=TOKENS)
    while not streams.read(READ_TOKENS):
        pass
    token = int(streams.logits[""][0].argmax())
    while count < TOKENS and token not in model.end_tokens:
        token = int(streams.step(token)[""][0].argmax())
        count += 1
    return (time.process_time() - began) / count


async def written(
    generator: Generator, prompt: str, sampling: SamplingParameters, evidence: Sequence[Evidence] = ()
) -> Written:
    """One answer of the product's generator, without checks."""
    began, first, text = time.process_time(), 0.0, ""
    events: Any = generator.generate(
        GenerateRequest(prompt, evidence, sampling=sampling, grounding=UNGROUNDED, style=AnswerStyle.WRITE),
        NO_CALL,
    )
    async for event in events:
        if isinstance(event, TextDelta):
            first = first or time.process_time() - began
            text += event.text
        finish = event
    return Written(text, finish, first, time.process_time() - began)


def _claims(report: Report, times: dict[str, list[float]], counts: dict[str, int]) -> None:
    def ratio(name: str, of: str, to: str, target: str, note: str = "") -> None:
        pairs = zip(times[of], times[to], strict=True)
        found = spread([one / other for one, other in pairs])
        report.claim(name, found, "×", target, note=note, interval=BOOTSTRAP)

    one, plain = "a token, one answer", "a token after the first, plain"
    ratio("tokens per second of one answer, to those of a bare loop", "a token, bare loop", one, ">= 0.9")
    ratio("tokens per second of eight answers, to one", one, "a token, eight answers at once", ">= 3")
    for name in STRATEGIES:
        ratio(f"time of a token with {name}, to plain", f"a token after the first, {name}", plain, "<= 1.3")
    for kind, target in KINDS.items():
        by = (f"all answers, {kind}, by steps", f"all answers, {kind}, by drafts")
        ratio(f"tokens per second by drafts, {kind}, to steps", *by, target)
        same = counts[f"{kind}: answers that are the same, token for token"] / counts[f"{kind}: answers"]
        report.claim(f"answers that drafts leave the same, {kind}", same, "", ">= 1")
    cold = "first text of 4, never read"
    again = "first text of 4, the same evidence and question again"
    ratio("time to the first text, evidence and question again", again, cold, "<= 0.3")
    other, cold = "the same passage with another question", "a passage in the prompt, never read"
    pair = (f"first text of 4, {other}", f"first text of 4, {cold}")
    ratio("time to the first text, another question about the same passage", *pair, "<= 0.3")
    if not times["a token, llama.cpp"]:
        report.claim(
            "tokens per second, to llama.cpp", None, "×", ">= 1.2", note="not asked for: --llama-cpp"
        )
        return
    ratio("tokens per second, to llama.cpp", "a token, llama.cpp", "a token, beside llama.cpp", ">= 1.2")
    read = "first token of 6 prompts, "
    ratio("prompts read, to llama.cpp", f"{read}llama.cpp", f"{read}beside llama.cpp", ">= 2.9")
