"""A conversation in the prompt of a model of this process."""

from __future__ import annotations

from generator.conftest import collect
from support.small_language_model import CONTEXT
from tieback.generator import Generator
from tieback_contract.generation import ChatMessage, ChatRole, SamplingParameters


async def test_a_local_model_reads_as_much_of_the_conversation_as_fits(small_generator: Generator) -> None:
    history = [
        ChatMessage(ChatRole.USER, "x" * CONTEXT),
        ChatMessage(ChatRole.ASSISTANT, "y"),
        ChatMessage(ChatRole.USER, "Who?"),
    ]
    short = SamplingParameters(max_tokens=4)

    alone = await collect(small_generator, "hello", sampling=short)
    cut = await collect(small_generator, "hello", sampling=short, history=history)
    last = await collect(small_generator, "hello", sampling=short, history=history[2:])

    assert alone.finish.prompt_tokens < cut.finish.prompt_tokens == last.finish.prompt_tokens
