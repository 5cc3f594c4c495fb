"""What decoding strategies do to answers from evidence, beside plain decoding that is as sharp.

Each question of `answerable/dev.jsonl` that its passage answers is written by every strategy as it is served,
greedily and sampled at temperature 1, with the passage as the only evidence, nothing judged and nothing
checked. An answer is right if it has one of the texts that the file names; F1 is that of its words and of the
best of these texts, and is low for all, since the model writes sentences and the texts are short.

A strategy changes how sharp the distribution is, and that alone changes what is sampled. So sampled answers
are compared with plain decoding at the temperature, of a ladder, whose entropy is nearest to the strategy's:
the mean over the tokens of plain greedy answers to the first questions, as served, with the mask. For greedy
answers that baseline is plain decoding itself, whose choices no temperature changes. All answers to one
question are written together. What a token costs is measured by `generation_speed`.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.card import GeneratorCard
from tieback.catalog.catalog import Catalog
from tieback.core.call import NO_CALL
from tieback.core.deadline import NO_DEADLINE
from tieback.core.types.generation import GenerateRequest
from tieback.encoder import Encoder
from tieback.generator import Generator, GeneratorParts
from tieback.generator.evidence.answerability import Judges
from tieback.generator.evidence.reading import read_evidence
from tieback.generator.writing.prompting import EXCERPT_SENTENCES, plain_request
from tieback.grounding import PassageReader
from tieback.methods.decoding import PLAIN, Step, decodings, streams_of
from tieback.models.language.model import LanguageModel, load_language_model
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback_client.evaluation import is_right
from tieback_contract.answers import AnswerStyle, Finish, TextDelta
from tieback_contract.field_path import ROOT
from tieback_contract.generation import Evidence, Grounding, SamplingParameters
from tieback_contract.method_choice import MethodChoice

from benchmarks.binding.measures import interval, paired
from benchmarks.generation import read
from benchmarks.generation.answering import Asked
from benchmarks.kept_rows import KeptRows, add_kept
from benchmarks.report import Report
from benchmarks.stream_scores import LADDER, StreamReader, Variant, entropy, matched

SPACE = "all-minilm-l6-v2"
STRATEGIES = ("context_aware", "m3id", "vcd", "ritual", "icd", "lol", "dola")
TOKENS, SEED = 40, 1
INTERVAL = "95 %, bootstrap of questions"
UNGROUNDED = Grounding(abstain_below=0.0, disabled=True)
Row = dict[str, dict[str, float]]
"""By the name of what wrote it: an answer's "right", "F1", "changed" and "tokens"."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", required=True, help="has answerable/dev.jsonl")
    parser.add_argument("--questions", type=int, default=100, metavar="N", help="of all sets together [100]")
    parser.add_argument(
        "--matching", type=int, default=16, metavar="N", help="whose entropy is measured [16]"
    )
    parser.add_argument("--model", default="", metavar="NAME", help="the generator; the catalog's first")
    add_kept(parser)


def run(options: argparse.Namespace) -> Report:
    try:
        rows = questions(options.data, options.questions)
    except (OSError, ValueError, KeyError) as error:
        raise SystemExit(f"strategies: --data: {error}") from None
    card = next(one for one in Catalog.load().generators() if options.model in ("", one.name))
    assert isinstance(card, GeneratorCard)
    model = load_language_model(card, Store())
    return asyncio.run(measured(model, rows, options.matching, KeptRows(options.kept)))


def questions(data: Path, most: int) -> list[Asked]:
    """So many that their passages answer, in turns from all sets."""
    sets = read(data / "answerable" / "dev.jsonl", 1 << 30)
    answerable = [[one for one in rows if one.answerable and one.answers] for rows in sets.values()]
    answerable = [rows for rows in answerable if rows]
    each = -(-most // len(answerable))
    taken = [
        [rows[len(rows) * place // each] for place in range(min(each, len(rows)))] for rows in answerable
    ]
    mixed = [rows[place] for place in range(each) for rows in taken if place < len(rows)]
    return list({one.question: one for one in mixed}.values())[:most]


async def measured(model: LanguageModel, rows: Sequence[Asked], matching: int, kept: KeptRows) -> Report:
    """Answers all questions."""
    cards = {card.name: card for card in Catalog.load().encoders()}
    encoder = Encoder([load_encoder(cards[SPACE], Store())])
    generator = Generator(GeneratorParts([model], encoder, space=SPACE))
    try:
        if "entropies" not in kept.rows:
            kept.keep("entropies", await entropies(model, encoder, generator, rows[:matching]))
        found = kept.rows["entropies"]
        ladder = {temperature: found[plain_at(temperature)] for temperature in LADDER}
        temperatures = {name: matched(found[name], ladder) for name in STRATEGIES}
        for one in rows:
            if one.question not in kept.rows:
                kept.keep(one.question, await answers(generator, one, temperatures))
    finally:
        await generator.close()
        await encoder.close()
    return reported([kept.rows[one.question] for one in rows], found, temperatures)


async def answers(generator: Generator, one: Asked, temperatures: Mapping[str, float]) -> Row:
    """One question's answers, all written together."""
    asked = {
        "plain, greedy": SamplingParameters(max_tokens=TOKENS),
        **{
            plain_at(warm): SamplingParameters(max_tokens=TOKENS, temperature=warm, seed=SEED)
            for warm in sorted({1.0, *temperatures.values()})
        },
    }
    for name in STRATEGIES:
        how = MethodChoice(name)
        asked[f"{name}, greedy"] = SamplingParameters(max_tokens=TOKENS, seed=SEED, strategy=how)
        asked[f"{name}, sampled"] = SamplingParameters(
            max_tokens=TOKENS, temperature=1.0, seed=SEED, strategy=how
        )
    written = await asyncio.gather(*(answer(generator, one, sampling) for sampling in asked.values()))
    return {name: judged(one, *said) for name, said in zip(asked, written, strict=True)}


async def answer(generator: Generator, one: Asked, sampling: SamplingParameters) -> tuple[str, Finish]:
    """An answer's text and end."""
    text = ""
    events: Any = generator.generate(
        GenerateRequest(
            *(one.question, [Evidence(one.passage, "1")]),
            sampling=sampling,
            grounding=UNGROUNDED,
            style=AnswerStyle.WRITE,
        ),
        NO_CALL,
    )
    async for event in events:
        text += event.text if isinstance(event, TextDelta) else ""
        finish = event
    return text, finish


def judged(one: Asked, text: str, finish: Finish) -> dict[str, float]:
    """What an answer is worth."""
    return {
        "right": float(is_right(text, one.answers)),
        "F1": max(f1(text, true) for true in one.answers),
        "changed": float(finish.changed_tokens or 0),
        "tokens": float(finish.completion_tokens),
    }


def f1(text: str, true: str) -> float:
    """Of the words of two texts, each counted as often as it is there."""
    said, wanted = (Counter(one.lower().replace(".", " ").split()) for one in (text, true))
    common = sum((said & wanted).values())
    return 2 * common / max(said.total() + wanted.total(), 1)


async def entropies(
    model: LanguageModel, encoder: Encoder, generator: Generator, rows: Sequence[Asked]
) -> dict[str, float]:
    """Mean entropies in nats of strategies, and of plain decoding by temperature, along plain answers."""
    variants = [
        Variant(name, streams_of(name, {}), strategy, strategy)
        for name in STRATEGIES
        for strategy in [decodings.configure(name)]
    ]
    streams = list(dict.fromkeys(stream for one in variants for stream in (PLAIN, *one.streams)))
    reader, judge = PassageReader(encoder, SPACE), Judges().configured(None, ROOT)
    sums: dict[str, float] = defaultdict(float)
    count = 0
    for one in rows:
        text, _ = await answer(generator, one, SamplingParameters(max_tokens=TOKENS))
        tokens = model.tokens(text.strip())
        if not tokens:
            continue
        evidence = await read_evidence(
            *(reader, one.question, [Evidence(one.passage, "1")]), judge, NO_DEADLINE
        )
        asked = plain_request(one.question, evidence.excerpt(EXCERPT_SENTENCES), seed=SEED)
        states: dict[str, dict[str, Any]] = defaultdict(dict)
        for place, logits in enumerate(StreamReader(model, asked, streams, room=len(tokens)).logits(tokens)):
            for temperature in LADDER:
                sums[plain_at(temperature)] += entropy(logits[PLAIN], temperature)
            for variant in variants:
                sums[variant.name] += entropy(variant.served(Step(logits, place, states[variant.name])))
        count += len(tokens)
    return {name: total / max(count, 1) for name, total in sums.items()}


def plain_at(temperature: float) -> str:
    """The name of plain decoding at a temperature."""
    return f"plain at {temperature:.3g}"


def reported(rows: Sequence[Row], entropy: Mapping[str, float], temperatures: Mapping[str, float]) -> Report:
    """Tables of what was written, and the strategies' gains over their baselines."""
    report = Report()

    def of(name: str, measure: str) -> np.ndarray:
        return 100 * np.array([row[name][measure] for row in rows])

    table: list[dict[str, Any]] = []
    for name in rows[0]:
        right, words = interval(of(name, "right")), interval(of(name, "F1"))
        tokens = sum(row[name]["tokens"] for row in rows)
        changed = sum(row[name]["changed"] for row in rows) / max(tokens, 1)
        one = {"written by": name, "right": right.value, "low": right.low, "high": right.high}
        table.append(one | {"F1": words.value, "tokens": tokens / len(rows), "changed": 100 * changed})
    report.table(f"Answers, percent, {len(rows)} questions", table)
    gains: list[dict[str, Any]] = []
    for name in STRATEGIES:
        warm = temperatures[name]
        sampled = dict.fromkeys([("sampled", plain_at(1.0)), ("sampled", plain_at(warm))])
        for how, base in (("greedy", "plain, greedy"), *sampled):
            written = f"{name}, {how}"
            right, words = (paired(of(written, one), of(base, one)) for one in ("right", "F1"))
            gain = {"written by": written, "over": base, "right": right.value, "low": right.low}
            gain |= {"high": right.high, "F1": words.value, "its low": words.low, "its high": words.high}
            gains.append(gain | {"entropy": entropy[name]})
            if base != plain_at(1.0) or warm == 1.0:
                report.claim(
                    *(f"right answers of {written}, over {base}", right.value, "points", "> 0"),
                    low=right.low,
                    high=right.high,
                    interval=INTERVAL,
                )
    report.table("Points gained", gains)
    return report
