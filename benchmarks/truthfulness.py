"""Truthfulness of the served language model by decoding strategies: MC1 and MC2 on TruthfulQA.

The strategies are ICD (arXiv:2312.15710), LOL (arXiv:2408.08769), which without a lower layer is ICD's
difference alone, DoLa, and those that contrast evidence, of which there is none here. The true and false
answers to a question (Lin et al., 2022, arXiv:2109.07958) are scored token by token, after the prompt that
the generator asks where there is no evidence, by the graph and the strategies that are served. MC1 is the
share of questions whose best answer scores above all false ones, MC2 the share of the probability that true
answers have together. As in the scripts of DoLa and ICD, an answer's score is the sum of its tokens' scores,
and no token is masked.

A strategy also changes how sharp the distribution is from which tokens are drawn, and that alone moves both
measures. So it is compared with plain decoding, and with plain decoding at the temperature, of a ladder, that
comes nearest to its entropy: the mean over the tokens of the best answers, as served, with the mask.
Intervals are drawn over questions. What a strategy costs is the processor time of a written token. DIR holds
`truthfulqa.jsonl`: lines with "question", "best", "correct" and "incorrect".
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tieback.catalog.card import GeneratorCard
from tieback.catalog.catalog import Catalog
from tieback.generator.writing import AnswerWriter, StrategyStreams
from tieback.generator.writing.engine import READ_TOKENS
from tieback.generator.writing.prompting import messages, plain_request
from tieback.methods.decoding import (
    PLAIN,
    Step,
    Stream,
    decodings,
    log_probabilities,
    streams_of,
    truthful,
)
from tieback.models.language.model import LanguageModel, load_language_model
from tieback.models.store import Store
from tieback_contract.arrays import Array
from tieback_contract.field_path import ROOT
from tieback_contract.generation import SamplingParameters

from benchmarks.data_folder import add_data, data_of, read_rows
from benchmarks.kept_rows import KeptRows, add_kept
from benchmarks.progress import Progress
from benchmarks.report import Report, Tried
from benchmarks.statistics import interval, median, paired
from benchmarks.stream_scores import LADDER, StreamReader, Variant, entropy, log_probability, matched

HOLDS = "questions, truthfulqa.jsonl"
QUESTIONS = 400
SECONDS = 3.0  # a question is expected to take
ROUNDS, TOKENS = 5, 32
INTERVAL = "95 %, bootstrap of questions"
MEASURES = ("MC1", "MC2")
TOLD = "truthful prompt"
GUESS = "a guess"
METHODS: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "ICD": ("icd", {}),
    "ICD, the difference alone": ("lol", {"omega": 0, "refocus": 0}),
    "LOL": ("lol", {"refocus": 0}),
    "LOL, half refocused": ("lol", {"refocus": 0.5}),
    "LOL, refocused": ("lol", {"refocus": 1}),
    "DoLa": ("dola", {}),
    "RITUAL": ("ritual", {}),
    "VCD": ("vcd", {}),
    "M3ID": ("m3id", {}),
    "context-aware": ("context_aware", {}),
}
OF_EVIDENCE = ("RITUAL", "VCD", "M3ID", "context-aware")
"""There is no evidence here, so these are plain decoding, RITUAL at a lower temperature. What they score are
logits, so a token's score is its log-probability."""
CLAIMED = {
    "LOL": "62 LOL (arXiv:2408.08769)",
    "LOL, refocused": "62 LOL, refocused (arXiv:2408.08769)",
    "DoLa": "DoLa (arXiv:2309.03883)",
    "ICD": "ICD (arXiv:2312.15710)",
}


@dataclass(frozen=True)
class Question:
    """A question with its answers; `best` is the place of one of the `correct`."""

    text: str
    correct: Sequence[str]
    incorrect: Sequence[str]
    best: int


@dataclass
class Found:
    """Results: by name MC1 and MC2 of each question `[questions, 2]`, and the mean entropy in nats."""

    measures: dict[str, list[tuple[float, float]]]
    entropy: dict[str, float]

    def of(self, name: str, measure: str) -> Array:
        """One measure of each question, in percent."""
        return 100 * np.array(self.measures[name])[:, MEASURES.index(measure)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--questions", type=int, default=QUESTIONS, metavar="N", help=f"[{QUESTIONS}]")
    parser.add_argument(
        "--model", metavar="NAME", help="the language model; by default the first that is served"
    )
    names = [*METHODS, TOLD]
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names, help=f"of {', '.join(names)}")
    add_kept(parser)


def run(options: argparse.Namespace) -> Report:
    data = data_of(options, HOLDS)
    if options.questions < 1:
        raise SystemExit(f"truthfulness: --questions is 1 or more, not {options.questions}")
    catalog = Catalog.load()
    card = catalog.get(options.model) if options.model else catalog.generators()[0]
    if not isinstance(card, GeneratorCard):
        raise SystemExit(f"truthfulness: {card.name} is no language model")
    report = Report()
    questions, model = read(data, options.questions), load_language_model(card, Store())
    only = options.only or [*METHODS, TOLD]
    measure(model, questions, report, only, KeptRows(options.kept))
    cost(model, report, only)
    return report


def read(folder: Path, count: int) -> list[Question]:
    """So many questions of the folder, in an order that is drawn once. DataError where it has none."""
    every = list(read_rows(folder / "truthfulqa.jsonl"))
    order = np.random.default_rng(0).permutation(len(every))[:count]
    return [
        Question(row["question"], row["correct"], row["incorrect"], row["correct"].index(row["best"]))
        for row in (every[place] for place in order)
    ]


def measure(
    model: LanguageModel,
    questions: Sequence[Question],
    report: Report,
    only: Sequence[str] = (*METHODS, TOLD),
    kept: KeptRows | None = None,
) -> None:
    """Scores all answers and adds tables and claims to the report."""
    kept = kept or KeptRows(None)
    progress = Progress({"questions": SECONDS * len(questions)})
    progress.begin("questions")
    variants = [one for one in _variants() if one.name in only]
    found = Found(defaultdict(list), defaultdict(float))
    tokens = 0
    for number, question in enumerate(questions, 1):
        if question.text not in kept.rows:
            kept.keep(question.text, _scored(model, question, variants))
        scores, entropies, count = kept.rows[question.text]
        for name, each in scores.items():
            found.measures[name].append(multiple_choice(each, len(question.correct), question.best))
            found.entropy[name] += entropies[name]
        found.measures[GUESS].append(guessed(question))
        tokens += count
        if number % 10 == 0:
            progress.say(f"{number} of {len(questions)}")
    for name in found.entropy:
        found.entropy[name] /= tokens
    _report(found, [one.name for one in variants], report)


def cost(model: LanguageModel, report: Report, only: Sequence[str] = tuple(METHODS)) -> None:
    """Adds what a written token costs with each strategy, in rounds in which all take turns."""
    asked = plain_request("How do vaccines work?", (), system=model.system_prompt)
    times: dict[str, list[list[float]]] = defaultdict(list)
    reads: dict[str, StrategyStreams] = {}
    for _ in range(ROUNDS):
        methods = {name: one for name, one in METHODS.items() if name in only}
        for name, (method, parameters) in {"plain": ("plain", {}), **methods}.items():
            strategy = decodings.configure(method, parameters)
            streams = streams_of(method, parameters)
            read = StrategyStreams.of(streams, model.layers, ROOT)
            read, prompts = read.shared({form: model.prompt(messages(form(asked))) for form in read.forms})
            reads[name] = read
            writer = AnswerWriter(
                model, prompts, strategy, read, SamplingParameters(temperature=1.0, seed=1), TOKENS
            )
            opened = model.open(prompts, layers=read.layers, room=TOKENS)
            while not opened.read(READ_TOKENS):
                pass
            began = time.thread_time()
            while writer.take(opened.logits).reason is None and writer.last is not None:
                opened.step(writer.last)
            times[name].append([1000 * (time.thread_time() - began) / max(writer.written, 1)])
    rows = []
    for name, rounds in times.items():
        one, read = median(rounds), reads[name]
        row = {"strategy": name, "prompts": len(read.forms), "layers": max(len(read.layers), 1)}
        rows.append(row | {"ms a token": one.value, "low": one.low, "high": one.high})
    report.table("Processor time of a written token", rows)


def guessed(question: Question) -> tuple[float, float]:
    """MC1 and MC2 of one who finds all answers equally likely: ties are broken by chance."""
    true, false = len(question.correct), len(question.incorrect)
    return 1 / (1 + false), true / (true + false)


def multiple_choice(scores: Sequence[float], correct: int, best: int) -> tuple[float, float]:
    """MC1 and MC2 of one question; the first `correct` of the scores are those of true answers."""
    every = np.asarray(scores, float)
    probabilities = np.exp(every - every.max())
    mass = probabilities[:correct].sum() / probabilities.sum()
    return float(every[best] > every[correct:].max()), float(mass)


def _variants() -> Iterator[Variant]:
    for name, (method, parameters) in METHODS.items():
        unmasked: Callable[[Step], Array] = decodings.configure(method, {**parameters, "plausibility": 0})
        streams = streams_of(method, parameters)
        if name in OF_EVIDENCE:
            unmasked = _normalised(unmasked)
        yield Variant(name, streams, unmasked, decodings.configure(method, parameters))
    told = Stream(truthful)
    yield Variant(TOLD, (told,), _log_probabilities_of(told), _log_probabilities_of(told))


def _normalised(score: Callable[[Step], Array]) -> Callable[[Step], Array]:
    return lambda step: log_probabilities(score(step))


def _log_probabilities_of(stream: Stream) -> Callable[[Step], Array]:
    return lambda step: log_probabilities(step.logits[stream])


def _plain(temperature: float) -> str:
    return "plain" if temperature == 1 else f"plain at {temperature:.3g}"


def _scored(
    model: LanguageModel, question: Question, variants: Sequence[Variant]
) -> tuple[dict[str, list[float]], dict[str, float], int]:
    """Scores of each answer by name; sums of entropies by name, and how many tokens those are over."""
    answers = [model.tokens(f"{text.rstrip('.')}.") for text in (*question.correct, *question.incorrect)]
    streams = dict.fromkeys(stream for one in variants for stream in (PLAIN, *one.streams))
    asked = plain_request(question.text, (), system=model.system_prompt)
    reader = StreamReader(model, asked, list(streams), room=max(map(len, answers)))
    scores: dict[str, list[float]] = defaultdict(list)
    entropies: dict[str, float] = defaultdict(float)
    for number, tokens in enumerate(answers):
        sums: dict[str, float] = defaultdict(float)
        states: dict[str, dict[str, object]] = defaultdict(dict)
        for place, (token, logits) in enumerate(zip(tokens, reader.logits(tokens), strict=True)):
            plain = logits[PLAIN]
            for temperature in LADDER:
                sums[_plain(temperature)] += log_probability(plain, token, temperature)
                if number == question.best:
                    entropies[_plain(temperature)] += entropy(plain, temperature)
            for one in variants:
                sums[one.name] += float(one.score(Step(logits, place, states[one.name]))[token])
                if number == question.best:
                    served = one.served(Step(logits, place, states[f"{one.name}, served"]))
                    entropies[one.name] += entropy(served)
        for name, total in sums.items():
            scores[name].append(total)
    return scores, entropies, len(answers[question.best])


def _report(found: Found, variants: Sequence[str], report: Report) -> None:
    rows = []
    for name in found.measures:
        row: dict[str, object] = {"scored": name}
        for measure in MEASURES:
            one = interval(found.of(name, measure))
            row |= {measure: one.value, f"{measure} low": one.low, f"{measure} high": one.high}
        rows.append(row | ({"entropy": found.entropy[name]} if name in found.entropy else {}))
    report.table(f"MC1 and MC2 in percent, {len(found.measures['plain'])} questions", rows)
    ladder = {temperature: found.entropy[_plain(temperature)] for temperature in LADDER}
    gains = []
    for variant in variants:
        temperature = matched(found.entropy[variant], ladder)
        for measure in MEASURES:
            own = found.of(variant, measure)
            alone = paired(own, found.of("plain", measure))
            fair = paired(own, found.of(_plain(temperature), measure))
            gain = {"scored": variant, "measure": measure, "temperature": temperature}
            gain |= {"over plain": alone.value, "low": alone.low, "high": alone.high}
            gains.append(gain | {"over matched": fair.value, "its low": fair.low, "its high": fair.high})
            if variant in CLAIMED:
                report.claim(
                    f"{CLAIMED[variant]}: {measure} gained over plain decoding of the same entropy",
                    fair,
                    "points",
                    "> 0",
                    note=f"temperature {temperature:.3g}; over plain decoding {alone.value:+.1f}",
                    interval=INTERVAL,
                    of=Tried(62, "paper", product=True, data="real") if "62" in CLAIMED[variant] else None,
                )
    report.table("Points gained", gains)
