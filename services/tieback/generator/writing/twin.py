"""The twin of an answer: what plain decoding writes for the same request, so that both can be compared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

from tieback_contract.answers import FinishReason, Twin
from tieback_contract.field_path import ROOT
from tieback_contract.generation import PLAIN_DECODING, SamplingParameters

from tieback.core.deadline import Deadline
from tieback.generator.writing import AnswerWriter, StrategyStreams
from tieback.generator.writing.engine import Engine
from tieback.generator.writing.jobs import new_job
from tieback.generator.writing.slots import Slots
from tieback.methods.decoding import PLAIN, PromptForm, decodings, with_evidence
from tieback.models.language.model import LanguageModel


async def plain_twin(
    engine: Engine,
    slots: Slots,
    model: LanguageModel,
    prompt: Sequence[int],
    sampling: SamplingParameters,
    room: int,
    deadline: Deadline,
) -> Twin:
    """Writes after the plain prompt, with the same seed, limits and form, in a slot of its own.

    Errors are those of an answer: Overloaded, DeadlineExceeded.
    """
    plain = replace(sampling, strategy=PLAIN_DECODING, log_probabilities=None, twin=False)
    read = StrategyStreams.of((PLAIN,), model.layers, ROOT)
    prompts: dict[PromptForm, Sequence[int]] = {with_evidence: prompt}
    text, reason = "", FinishReason.END
    async with slots.take(len(prompt) + room, deadline) as slot:
        strategy = decodings.configure(PLAIN_DECODING.name)
        writer = await asyncio.to_thread(AnswerWriter, model, prompts, strategy, read, plain, room)
        drafts = plain.prompt_lookup is not False
        job = new_job(writer, prompts, read.layers, room=room, deadline=deadline, drafts=drafts)
        try:
            async with aclosing(engine.write(job)) as pieces:
                async for written in pieces:
                    text += written.text
                    reason = written.reason or reason
        finally:
            slot.busy = job.busy
    return Twin(text, reason, writer.written)


@asynccontextmanager
async def beside(
    work: Coroutine[None, None, Twin] | None,
) -> AsyncGenerator[asyncio.Task[Twin] | None, None]:
    """A task that does the work while the block runs; it is cancelled where the block ends before it."""
    task = None if work is None else asyncio.create_task(work)
    try:
        yield task
    finally:
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
        if task is not None and not task.cancelled():
            task.exception()  # it was raised where the task was awaited, unless the answer failed first
