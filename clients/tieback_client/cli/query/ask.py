"""`tieback ask`: an answer while it is generated, with footnotes for its claims, and its sources."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.live import Live
from rich.text import Text
from tieback_contract.answers import AnswerStyle, Repair
from tieback_contract.generation import ChatMessage, ChatRole, Grounding, SamplingParameters

from tieback_client.cli.connection import command, parse_method, set_of
from tieback_client.cli.output import Output, say
from tieback_client.cli.parameters import FILE, group, option
from tieback_client.cli.query import bars, showing
from tieback_client.cli.query.bars import between_spaces
from tieback_client.cli.query.options import QUERY, AskedQuery
from tieback_client.cli.query.search import behind, scores, time_spent, warnings, without_relevance
from tieback_client.client import Client
from tieback_client.errors import TiebackError
from tieback_client.jsonable import event_as_json, jsonable
from tieback_client.shown.answers import passages_of
from tieback_client.shown.marks import Level, legend
from tieback_client.transport.streams import EventStream
from tieback_client.values.events import Answer, AnswerEvent

MOST_TURNS = 64
"""Earlier messages that a request may have."""

LEGEND = "\n  ".join(legend())


def sampling_of(
    max_tokens: int | None = option("Generate at most N tokens.", "N", least=1),
    temperature: float = option(
        "Sampling temperature; 0 is repeatable. [0]", "T", least=0, most=2, default=0.0
    ),
    top_p: float = option("Nucleus sampling.", "P", least=0, most=1, default=0.0),
    top_k: int = option("Sample among K tokens.", "K", least=0, default=0),
    min_p: float = option(
        "Sample among tokens at least P times as probable as the likeliest.",
        "P",
        least=0,
        most=1,
        default=0.0,
    ),
    repetition_penalty: float = option(
        "Above 1, tokens that are there already become less likely.", "X", least=0, most=2, default=0.0
    ),
    seed: int | None = option("Makes sampling repeatable.", "N", least=0),
    stop: tuple[str, ...] = option("End before TEXT; may be repeated.", "TEXT"),
    json_schema: Path | None = option(
        "Write JSON that is valid under the schema in FILE.", "FILE", type=FILE
    ),
    regex: str = option("Write text that matches REGEX as a whole.", "REGEX"),
    strategy: str | None = option("The decoding strategy; `tieback methods` lists them. [plain]", "METHOD"),
    parameters: tuple[str, ...] = set_of("strategy"),
    twin: bool = option("Also show what plain decoding writes, without the strategy."),
) -> SamplingParameters:
    """Make of options how tokens are chosen."""
    return SamplingParameters(
        max_tokens=max_tokens or 0,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        seed=seed,
        stop=stop,
        json_schema=None if json_schema is None else json_schema.read_text(encoding="utf-8"),
        regex=regex,
        strategy=parse_method(strategy, parameters, "--strategy", "--set"),
        twin=twin,
    )


SAMPLING: Any = group(sampling_of)


@command(
    epilog=f"""\b
Examples:
  tieback ask "When is the tide highest?"
  tieback ask --image harbour.jpg "What moves the water here?"
  tieback ask "Who proved it?" --style quote
  tieback ask "Who was Ada Lovelace?" --chat
  tieback ask "Who proved it?" --strategy lol --max-tokens 80
  tieback ask "Who proved it?" --strategy lol --set layer=25 --set omega=0.3
  tieback ask "Who proved it?" --strategy lol --twin

\b
“…” is quoted: words of a passage, and no check. » and « stand around what is cited in it. What a model
writes has marks:
  {LEGEND}
"""
)
def ask(
    client: Client,
    output: Output,
    query: AskedQuery = QUERY,
    model: str = option("The model that generates the answer.", "NAME"),
    evidence: int = option("Use at most N passages.", "N", least=0, default=0),
    style: AnswerStyle = option(
        "Quote the best sentences, or let the model write. [the better one for the model]",
        default=AnswerStyle.AUTO,
    ),
    sampling: SamplingParameters = SAMPLING,
    repair: Repair = option(
        "Leave out written sentences that no source supports, or write them again. [none]",
        default=Repair.NONE,
    ),
    evidence_tokens: int = option(
        "Have the best sentences of N tokens in the prompt. [the two best]", "N", least=0, default=0
    ),
    soft_prompt: str | None = option(
        "Have the model read soft tokens first, of a learned artifact of the server. [none]", "NAME"
    ),
    soft_set: tuple[str, ...] = option("A parameter of the soft prompt; may be repeated.", "NAME=VALUE"),
    abstain_below: float | None = option("Abstain if the evidence is weaker than X.", "X", least=0, most=1),
    decide: str | None = option(
        "Decide first: answer, name the item, search again, or abstain; `tieback methods` lists how.",
        "METHOD",
    ),
    is_chat: bool = option(
        "Go on with more questions, a line each; each is rewritten by those before. An empty line ends it.",
        flags="--chat",
    ),
    system: str = option("Ask this of the model that writes, in general.", "TEXT"),
    explain: bool = option("Show scores, weights of the spaces, and the time of each step."),
) -> None:
    """Answer a question from a collection, with sources."""
    if not query.words:
        raise click.UsageError("Give a question in words; a photo or a sound can go with it.")
    query.note_files(output)
    contents = query.contents()
    history: list[ChatMessage] = []
    while contents:
        stream = client.answer(
            query.collection,
            contents,
            model=model,
            evidence_limit=evidence,
            sampling=sampling,
            grounding=Grounding(
                abstain_below=abstain_below,
                decision=decide,
                repair=repair,
                soft_prompt=parse_method(soft_prompt, soft_set, "--soft-prompt", "--soft-set"),
                evidence_tokens=evidence_tokens,
            ),
            style=style,
            history=history,
            system=system,
            **query.arguments,
        )
        with stream:
            if output.json:
                _lines(stream, output)
            else:
                _show(stream, output, explain=explain, least=query.arguments.get("min_relevance"))
        if not is_chat:
            return
        asked = contents[-1] if history else " ".join(query.words)
        said = [ChatMessage(ChatRole.USER, str(asked)), ChatMessage(ChatRole.ASSISTANT, stream.answer.text)]
        history = [*history, *said][-MOST_TURNS:]
        contents = _next_question(output)


def _next_question(output: Output) -> list[Any]:
    """The next line that is typed or piped; nothing at the end, and for an empty one."""
    if output.terminal:
        say("\n> ", nl=False)
    line = sys.stdin.readline().strip()
    return [line] if line else []


def _show(stream: EventStream[AnswerEvent], output: Output, *, explain: bool, least: float | None) -> None:
    try:
        answer = _watched(stream, output) if output.terminal else stream.collect()
    except TiebackError:
        broken_off(stream.answer, output)
        raise
    shown = answer.shown
    if not output.terminal:
        output.show(showing.answered(shown))
    output.show(*without_strategy(answer), *showing.repaired(shown.repairs), *decided(answer))
    output.show(*showing.listed(shown, facts(answer) if explain else {}, width=output.console.width))
    output.show(*map(showing.conflict, shown.conflicts), *showing.legend(shown.legend), *ending(answer))
    if answer.retrieval is not None:
        if least:
            output.show(*without_relevance(answer.retrieval.hits))
        output.show(*warnings(answer.retrieval.routing), *between_spaces(answer.retrieval.mixture))
        if explain:
            output.show(*behind(answer.retrieval))
    if explain and answer.finish is not None:
        output.show(*time_spent(answer.finish.timing))


def broken_off(answer: Answer, output: Output) -> None:
    """Shows what was read of an answer whose end was not, if anything was."""
    if not answer.text:
        return
    if not output.terminal:  # where it grows it is there already
        output.show(showing.answered(answer.shown))
    output.show(Text("The answer broke off here; it is not complete.", style="bold yellow"))


def _lines(stream: EventStream[AnswerEvent], output: Output) -> None:
    """One JSON object per line, each with the kind of its event; the last one is what a person is told."""
    for event in stream:
        output.document(event_as_json(event))
    output.document({"event": "checked", **stream.answer.document})
    output.document({"event": "shown", **jsonable(stream.answer.shown)})


def _watched(stream: EventStream[AnswerEvent], output: Output) -> Answer:
    """Shows the answer while it grows."""
    waiting = Text("looking …", style="dim")
    with Live(waiting, console=output.console, refresh_per_second=12, vertical_overflow="visible") as live:
        for _ in stream:
            if stream.answer.text or stream.answer.abstention or stream.answer.decision:
                live.update(showing.answered(stream.answer.shown))
            elif stream.answer.retrieval is not None:
                live.update(Text(f"reading {len(stream.answer.retrieval.hits)} passages …", style="dim"))
    return stream.answer


def decided(answer: Answer) -> list[Text]:
    """The probability of each action, where a decision was asked for."""
    if answer.decision is None:
        return []
    likely = ", ".join(f"{action} {share:.2f}" for action, share in answer.decision.probabilities.items())
    return [Text(f"\nDecided by {answer.decision.method}: {likely}", style="dim")]


def facts(answer: Answer) -> dict[str, str]:
    """The scores of the passages, by their numbers."""
    supports = {one.evidence_id: f"support {one.support:.2f}   " for one in reversed(answer.citations)}
    return {name: supports.get(name, "") + scores(found) for name, found in passages_of(answer).items()}


def without_strategy(answer: Answer) -> list[Text]:
    """What plain decoding writes, where that was asked for."""
    twin = None if answer.finish is None else answer.finish.twin
    if twin is None:
        return []
    said = "the same" if twin.text == answer.text else twin.text.strip() or "nothing"
    return [Text(f"\nWithout the strategy, not checked: {said}", style="dim")]


def ending(answer: Answer) -> list[Text]:
    """The model, the number of tokens, the speed."""
    done = answer.finish
    if done is None:
        return []
    tokens = f"{done.completion_tokens} tokens by {done.model}" if done.completion_tokens else ""
    quoted = "quoted" if answer.text and done.style is AnswerStyle.QUOTE else ""
    is_unquoted = bool(quoted) and answer.shown.level is Level.PASSAGES
    parts = ["nothing quoted" if is_unquoted else tokens or quoted or "nothing written"]
    if done.first_token and not is_unquoted:
        parts.append(f"first after {bars.milliseconds(done.first_token)}")
    if done.changed_tokens:
        parts.append(f"{done.changed_tokens} changed by the strategy")
    if done.soft_tokens:
        parts.append(f"{done.soft_tokens} soft tokens read")
    if done.evidence_transforms:
        parts.append(f"second view of the evidence: {', '.join(done.evidence_transforms)}")
    if done.reason.value == "length":
        parts.append("cut off at the limit; --max-tokens raises it")
    parts.append(f"{bars.milliseconds(answer.call.seconds)} in all")
    return [Text("\n" + " · ".join(parts), style="dim")]
