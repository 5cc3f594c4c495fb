"""Quotes in place of an answer that an endpoint would write, where it does not answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from tieback_contract.answers import AnswerStyle, Decision, Degraded, GenerationEvent
from tieback_contract.generation import SamplingParameters

from tieback.core.errors import EndpointMisconfigured, EndpointUnavailable

Events = AsyncGenerator[GenerationEvent, None]


def may_quote(asked: AnswerStyle, model: str, sampling: SamplingParameters) -> bool:
    """Tell whether a request leaves open how it is answered: it names no model, and needs none."""
    needs_model = sampling.grammar is not None or sampling.log_probabilities is not None
    return asked is AnswerStyle.AUTO and not model and not needs_model


async def or_quotes(written: Events, quoted: Callable[[bool], Events], model: str) -> Events:
    """Events of what the model writes; of quotes, after a `Degraded`, where its endpoint does not answer.

    `quoted` is told whether it was decided about the question already. After the first text none is quoted.
    """
    is_decided = False
    try:
        async with aclosing(written) as events:
            async for event in events:
                is_decided |= isinstance(event, Decision)
                yield event
    except (EndpointUnavailable, EndpointMisconfigured) as error:
        yield Degraded(error.reason, f"{error.message}; the answer is quoted", model)
        async with aclosing(quoted(is_decided)) as events:
            async for event in events:
                yield event
