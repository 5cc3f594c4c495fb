"""How tokens are chosen, as messages."""

from __future__ import annotations

from tieback_contract.field_path import FieldPath
from tieback_contract.method_choice import MethodChoice

from tieback.core.types.generation import Grammar, GrammarKind, SamplingParameters
from tieback.serving.conversions.frames import finite, optional
from tieback.serving.conversions.reports import read_method, write_method
from tieback.v1 import generator_pb2


def read_sampling(message: generator_pb2.SamplingParameters, field: FieldPath) -> SamplingParameters:
    """How to choose tokens; the generator checks the ranges."""
    return SamplingParameters(
        max_tokens=message.max_tokens,
        temperature=finite(message.temperature, field["temperature"]),
        top_p=finite(message.top_p, field["top_p"]),
        top_k=message.top_k,
        seed=message.seed if message.HasField("seed") else None,
        stop=list(message.stop),
        strategy=optional(message, "strategy", read_method, field) or MethodChoice("plain"),
        min_p=finite(message.min_p, field["min_p"]),
        repetition_penalty=finite(message.repetition_penalty, field["repetition_penalty"]),
        log_probabilities=message.log_probabilities if message.HasField("log_probabilities") else None,
        grammar=_read_grammar(message.grammar),
        prompt_lookup=message.prompt_lookup if message.HasField("prompt_lookup") else None,
        twin=message.twin,
    )


def _read_grammar(message: generator_pb2.Grammar) -> Grammar | None:
    kind = message.WhichOneof("language")
    return None if kind is None else Grammar(GrammarKind(kind), getattr(message, kind))


def write_sampling(sampling: SamplingParameters) -> generator_pb2.SamplingParameters:
    """The message of how to choose tokens."""
    return generator_pb2.SamplingParameters(
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        seed=sampling.seed,
        stop=sampling.stop,
        strategy=write_method(sampling.strategy),
        min_p=sampling.min_p,
        repetition_penalty=sampling.repetition_penalty,
        log_probabilities=sampling.log_probabilities,
        grammar=_write_grammar(sampling.grammar),
        prompt_lookup=sampling.prompt_lookup,
        twin=sampling.twin,
    )


def _write_grammar(grammar: Grammar | None) -> generator_pb2.Grammar | None:
    return None if grammar is None else generator_pb2.Grammar(**{grammar.kind.value: grammar.text})
