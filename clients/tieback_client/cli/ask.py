"""`tieback ask`: an answer while it is generated, with footnotes for its claims, and its sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from rich.live import Live
from rich.text import Text

from tieback_client.cli import bars
from tieback_client.cli.conflicting import conflicting
from tieback_client.cli.connection import (
    Command,
    connected,
)
from tieback_client.cli.decided import asked_for, decided
from tieback_client.cli.mixture import between_spaces
from tieback_client.cli.output import Output
from tieback_client.cli.places import cited_place, cited_uri
from tieback_client.cli.query_options import Query, query_options
from tieback_client.cli.quotes import shown, stands_in_code
from tieback_client.cli.sampling_options import sampling_of, sampling_options
from tieback_client.cli.search import (
    behind,
    indented,
    mark_of,
    scores,
    section_of,
    snippet,
    time_spent,
    warnings,
    without_relevance,
)
from tieback_client.client import Client
from tieback_client.control_characters import in_a_line
from tieback_client.decisions import AnswerAction
from tieback_client.errors import TiebackError
from tieback_client.events import (
    AbstentionReason,
    Answer,
    AnswerEvent,
    AnswerStyle,
    Citation,
    Claim,
    Grounding,
    QuestionFit,
    Repair,
    Verdict,
    VerdictLabel,
)
from tieback_client.jsonable import event_as_json
from tieback_client.results import RetrievedHit
from tieback_client.streams import EventStream

MARK = {
    VerdictLabel.SUPPORTED: ("✓", "green"),
    VerdictLabel.CONTRADICTED: ("✗", "bold red"),
    VerdictLabel.UNSUPPORTED: ("?", "yellow"),
    VerdictLabel.LOW_CONFIDENCE: ("~", "dim yellow"),
    VerdictLabel.NOT_CHECKED: ("·", "dim"),
}

REMARKS = {
    QuestionFit.LIKELY: "Likely an answer: of ten such quotes about six are right.",
    QuestionFit.UNSURE: "The nearest sentences; at most half of such quotes answer the question.",
}
"""What is said below quotes, by the surest of them. The shares are measured: docs/answers.md."""


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  tieback ask "When is the tide highest?"
  tieback ask --image harbour.jpg "What moves the water here?"
  tieback ask "Who proved it?" --style quote
  tieback ask "Who proved it?" --strategy context_aware --max-tokens 80
  tieback ask "Who proved it?" --strategy lol --set layer=25 --set omega=0.3
  tieback ask "Who proved it?" --strategy ritual --twin

\b
Marks: ✓ a source supports the claim, ✗ a source contradicts it, ? no source supports it, ~ not sure enough
to say, · not checked, ≠ it is no answer to the question. “…” is quoted: the source says it, word for word,
and whether that answers the question is for you to read.
""",
)
@query_options
@click.option("--model", default="", metavar="NAME", help="The model that generates the answer.")
@click.option("--evidence", type=click.IntRange(0), default=0, metavar="N", help="Use at most N passages.")
@click.option(
    "--style",
    type=click.Choice([style.value for style in AnswerStyle]),
    default=AnswerStyle.AUTO.value,
    help="Quote the best sentences, or let the model write. [the better one for the model]",
)
@sampling_options
@click.option(
    "--repair",
    type=click.Choice([repair.value for repair in Repair]),
    default=Repair.NONE.value,
    help="Leave out written sentences that no source supports, or write them again. [none]",
)
@click.option(
    "--evidence-tokens",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Have the best sentences of N tokens in the prompt. [the two best]",
)
@click.option(
    "--context",
    default="",
    metavar="NAME",
    help="Have the model read the evidence as soft tokens, by a compression of the server. [as text]",
)
@click.option(
    "--demo",
    "demonstration",
    multiple=True,
    metavar="ID",
    help="Have the model read a kept demonstration first; may be repeated. [none]",
)
@click.option(
    "--abstain-below",
    type=click.FloatRange(0, 1),
    metavar="X",
    help="Abstain if the evidence is weaker than X.",
)
@click.option(
    "--decide",
    metavar="METHOD",
    help="Decide first: answer, name the item, search again, or abstain; `tieback methods` lists how.",
)
@click.option(
    "--explain", is_flag=True, help="Show scores, weights of the spaces, and the time of each step."
)
@connected
def ask(
    client: Client,
    output: Output,
    query: Query,
    model: str,
    evidence: int,
    style: str,
    repair: str,
    evidence_tokens: int,
    context: str,
    demonstration: tuple[str, ...],
    abstain_below: float | None,
    decide: str | None,
    explain: bool,
    **sampling: Any,
) -> None:
    """Answer a question from a collection, with sources."""
    if not query.words:
        raise click.UsageError("Give a question in words; a photo or a sound can go with it.")
    query.note_files(output)
    least = query.arguments["min_relevance"]
    stream = client.answer(
        query.collection,
        query.contents(),
        model=model,
        evidence_limit=evidence,
        sampling=sampling_of(**sampling),
        grounding=Grounding(
            abstain_below=abstain_below,
            decision=decide,
            repair=Repair(repair),
            context=context,
            evidence_tokens=evidence_tokens,
            demonstrations=demonstration,
        ),
        style=AnswerStyle(style),
        **query.arguments,
    )
    with stream:
        if output.json:
            _lines(stream, output)
            return
        try:
            answer = _watched(stream, output) if output.terminal else stream.collect()
        except TiebackError:
            broken_off(stream.answer, output)
            raise
    if not output.terminal:
        output.show(written(answer))
    output.show(*without_strategy(answer), *repairs(answer), *decided(answer))
    output.show(*sources(answer, query.words, width=output.console.width, explain=explain))
    output.show(*map(conflicting, answer.conflicts), *ending(answer))
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
        output.show(written(answer))
    output.show(Text("The answer broke off here; it is not complete.", style="bold yellow"))


def _lines(stream: EventStream[AnswerEvent], output: Output) -> None:
    """One JSON object per line, each with the kind of its event."""
    for event in stream:
        output.document(event_as_json(event))


def _watched(stream: EventStream[AnswerEvent], output: Output) -> Answer:
    """Shows the answer while it grows."""
    waiting = Text("looking …", style="dim")
    with Live(waiting, console=output.console, refresh_per_second=12, vertical_overflow="visible") as live:
        for _ in stream:
            if stream.answer.text or stream.answer.abstention:
                live.update(written(stream.answer))
            elif stream.answer.retrieval is not None:
                live.update(Text(f"reading {len(stream.answer.retrieval.hits)} passages …", style="dim"))
    return stream.answer


def written(answer: Answer) -> Text:
    """The text with a mark and its footnotes after each claim, or why there is no answer.

    A quote has no ✓: that a source says it is no news, and a ✓ would be taken for a right answer.
    """
    if answer.decision is not None and answer.decision.action is AnswerAction.ITEM:
        return Text.assemble(("The item itself is what you ask for: ", "bold"), asked_for(answer))
    if answer.abstention is not None:
        one = answer.abstention
        text = Text.assemble(("No answer. ", "bold yellow"), one.message[:1].upper() + one.message[1:])
        if one.reason is not AbstentionReason.NOT_NAMED:
            text.append(f"  (measured {one.score:.2f}, needed {one.threshold:.2f})", style="dim")
        if answer.text:
            text.append(f"\n\nThe withdrawn answer: {answer.text.strip()}", style="dim")
        return text
    is_quoted = answer.finish is not None and answer.finish.style is AnswerStyle.QUOTE
    whole, text, at = answer.text.encode(), Text(), 0
    for claim in sorted(answer.claims, key=lambda one: one.span[1]):
        begin, end = claim.span
        before, said = (whole[a:b].decode(errors="replace") for a, b in ((at, begin), (begin, end)))
        if is_quoted:
            before, said = shown(before, said, is_code=_is_of_code(answer, claim))
            said = f"“{said}”"
        text.append(before + said)
        at = end
        mark, style = marked(answer.verdicts.get(claim.id))
        if is_quoted:
            mark = mark.removeprefix(MARK[VerdictLabel.SUPPORTED][0])
        numbers = "".join(
            f"[{one}]" for one in dict.fromkeys(c.evidence_id for c in answer.citations_of(claim))
        )
        text.append(f" {mark}{numbers}", style=style)
    text.append(whole[at:].decode(errors="replace"))
    fits = {verdict.answers_question for verdict in answer.verdicts.values()}
    if is_quoted and QuestionFit.ANSWERS not in fits:
        sure = next((remark for fit, remark in REMARKS.items() if fit in fits), "")
        text.append(f"\n{sure}" if sure else "", style="dim")
    return text


def _is_of_code(answer: Answer, claim: Claim) -> bool:
    """Whether what is quoted is a part of code, whose fences are not quoted."""
    passages = passages_of(answer)
    places = [(passages.get(one.evidence_id), one.span) for one in answer.citations_of(claim)]
    return any(found and span and stands_in_code(found.hit.text, span[0]) for found, span in places)


def passages_of(answer: Answer) -> dict[str, RetrievedHit]:
    """What the answer may rest on, by the numbers of its sources; of a document, its second section too."""
    hits = answer.retrieval.hits if answer.retrieval else []
    named = {str(number): found for number, found in enumerate(hits, 1)}
    beside = {f"{name}.2": one for name, found in named.items() for one in found.sections[:1]}
    return named | beside


def repairs(answer: Answer) -> list[Text]:
    """What was written and is not in the answer, each with its mark."""
    whole, lines = answer.text.encode(), []
    for one in answer.repaired:
        mark, style = MARK[one.label]
        instead = whole[slice(*one.span)].decode(errors="replace").strip()
        line = Text.assemble(("Left out: " if one.is_dropped else "Written again: ", "dim"))
        line.append(one.text.strip(), style="dim strike").append(f" {mark}", style=style)
        lines.append(line.append(f" → {instead}" if instead else "", style="dim"))
    return [Text(), *lines] if lines else []


def marked(verdict: Verdict | None) -> tuple[str, str]:
    """The mark of a verdict, and its style; "≠" beside it where the claim is no answer to the question."""
    if verdict is None:
        return MARK[VerdictLabel.NOT_CHECKED]
    mark, style = MARK[verdict.label]
    is_none = verdict.answers_question in (QuestionFit.ECHO, QuestionFit.OTHER_KIND)
    return (f"{mark}≠" if is_none else mark), style


def sources(answer: Answer, words: tuple[str, ...], *, width: int, explain: bool = False) -> list[Text]:
    """The cited passages, with the supporting place in each; all found passages if none is cited."""
    hits = list(answer.retrieval.hits) if answer.retrieval else []
    cited = _best_of_each(answer.citations)
    lines: list[Text] = []
    named = {str(number): found for number, found in enumerate(hits, 1)}
    if cited:
        named = {name: found for name, found in passages_of(answer).items() if name in cited}
    for name, found in named.items():
        one = found.hit
        head = Text.assemble((f"[{name}] ", "bold"), (in_a_line(one.item_title or one.item_id), "bold"))
        head.append(f"  {mark_of(one)}", style="magenta")
        parts = [head]
        if section_of(one):
            parts.append(indented(Text(section_of(one), style="cyan"), width=width))
        quoted = shown("", _quoted(one.text, cited[name].span))[1] if name in cited else one.text
        if quoted:
            parts.append(snippet(quoted, words, width=width))
        facts = [f"support {cited[name].support:.2f}"] if name in cited else []
        if name in cited and one.segments and (where := cited_place(cited[name])):
            facts.insert(0, where)
        facts += [scores(found)] if explain else []
        place = cited_uri(one.uri, one.text, cited[name].span) if name in cited else one.uri
        facts += [in_a_line(place)] if place else []
        parts.append(indented(Text("   ".join(facts), style="dim"), width=width))
        lines.append(Text("\n").join(parts))
    if not lines:
        return []
    title = "Sources" if cited else ("Nearest passages" if answer.abstention else "Passages read")
    return [Text(f"\n{title}", style="dim"), *(lines if cited else lines[:3])]


def _best_of_each(citations: Sequence[Citation]) -> dict[str, Citation]:
    """By passage, the place that supports best; the first of those that do."""
    found: dict[str, Citation] = {}
    for one in citations:
        if one.evidence_id not in found or one.support > found[one.evidence_id].support:
            found[one.evidence_id] = one
    return found


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
    parts = [tokens or quoted or "nothing written"]
    if done.first_token:
        parts.append(f"first after {bars.milliseconds(done.first_token)}")
    if done.changed_tokens:
        parts.append(f"{done.changed_tokens} changed by the strategy")
    if done.soft_tokens:
        parts.append(f"evidence read as {done.soft_tokens} soft tokens")
    if done.demonstration_tokens:
        parts.append(f"demonstrations read as {done.demonstration_tokens} virtual tokens")
    if done.evidence_transforms:
        parts.append(f"second view of the evidence: {', '.join(done.evidence_transforms)}")
    if done.reason.value == "length":
        parts.append("cut off at the limit; --max-tokens raises it")
    parts.append(f"{bars.milliseconds(answer.call.seconds)} in all")
    return [Text("\n" + " · ".join(parts), style="dim")]


def _quoted(text: str, span: tuple[int, int] | None) -> str:
    if span is None or span[1] <= span[0]:
        return text
    return text.encode()[slice(*span)].decode(errors="replace")
