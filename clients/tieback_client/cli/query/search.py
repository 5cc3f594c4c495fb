"""`tieback search`: the hits; with --explain the reasons, with --timing the time of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rich.text import Text
from tieback_contract.arrays import Box
from tieback_contract.fusion import RoutingExplanation
from tieback_contract.hits import Alignment, Hit, RetrievedHit, SameText
from tieback_contract.locators import Locator, LocatorKind
from tieback_contract.method_choice import is_chosen
from tieback_contract.reports import Timing

from tieback_client.cli.connection import command
from tieback_client.cli.output import Output, SafeConsole
from tieback_client.cli.parameters import option
from tieback_client.cli.query import bars
from tieback_client.cli.query.bars import between_spaces, left_out, steps_of, waterfall
from tieback_client.cli.query.options import QUERY, AskedQuery
from tieback_client.client import Client
from tieback_client.control_characters import in_a_line
from tieback_client.shown.excerpts import excerpt, pattern_of, shown_from, without_rules
from tieback_client.shown.places import entry_uri, mark_of, place_of, section_of
from tieback_client.shown.titles import told_apart
from tieback_client.values.results import RetrievalResult

PAIRS = 6
LEAST_LOSS = 0.05
LEAST_SHARE = 0.005
NAMED = 5


@command(
    epilog="""\b
Examples:
  tieback search a cat on a sofa
  tieback search --image beach.jpg "at night"
  tieback search tides --modality text --filter 'year < 1900' --reranker best_pairs --explain
  tieback search certificates --filter 'tags = "tls" AND published >= 2024-03-01 AND NOT draft'

docs/search.md#filters has all that a filter can say.
"""
)
def search(
    client: Client,
    output: Output,
    query: AskedQuery = QUERY,
    explain: bool = option(
        "Show what each step made of each hit, the time of each step and what it left out, the weights of "
        "the spaces and, where --reranker names a method, which words or regions matched which."
    ),
    timing: bool = option("Show the time of each step."),
) -> None:
    """Find texts, photos and sounds by words, a photo or a sound.

    Point clouds too, if the server reads them. Several contents make one query.
    """
    query.note_files(output)
    least = query.arguments.get("min_relevance")
    result = client.retrieve(query.collection, query.contents(), explain=explain, **query.arguments)
    if output.json:
        output.document(result)
        return
    if not result.hits:
        narrow = " The filter may be too narrow." if query.arguments["filter"] else ""
        high = f" --min-relevance {least:g} may leave out too much." if least else ""
        output.show(f"Nothing was found.{narrow}{high}")
    told: dict[str, int] = {}
    titles = told_apart([(one.hit.item_title, one.hit.item_id) for one in result.hits])
    for rank, found in enumerate(result.hits, 1):
        first = told.setdefault(" ".join(found.hit.text.split()) or str(rank), rank)
        found = replace(found, hit=replace(found.hit, item_title=titles[rank - 1]))
        output.show(hit(rank, found, query.words, first=first, explain=explain, width=output.console.width))
    if least:
        output.show(*without_relevance(result.hits))
    output.show(*below_floor(result.hits), *warnings(result.routing), *unread(result))
    output.show(*between_spaces(result.mixture))
    if explain:
        output.show(*behind(result))
    if timing:
        output.show(*time_spent(result.timing, seconds=result.call.seconds))


def hit(
    rank: int, found: RetrievedHit, words: tuple[str, ...], *, explain: bool, width: int, first: int = 0
) -> Text:
    """One hit: title, section, a snippet, its score; where it is explained, what the score is made of.

    `first` is the rank of another hit with its text, which is not shown again.
    """
    one = found.hit
    title = Text(in_a_line(one.item_title or one.item_id), style="bold")
    title.append(f"  {mark_of(one)}", style="magenta not bold")
    lines = [indented(title, width=width)]
    section = section_of(one)
    if section:
        lines.append(indented(Text(section, style="cyan"), width=width))
    if first not in (0, rank):
        lines.append(indented(Text(f"the same text as hit {first}", style="dim"), width=width))
    elif one.highlights:
        lines.append(indented(highlighted(one), width=width))
    elif one.text:
        lines.append(snippet(one.text, words, width=width))
    if pieces := [piece for piece in one.pieces if not piece.below_floor]:
        number = "1 more piece" if len(pieces) == 1 else f"{len(pieces)} more pieces"
        lines.append(indented(Text(f"{number} of this text found", style="dim"), width=width))
    if one_of_item := [other for other in found.sections if not other.below_floor]:
        titles = dict.fromkeys(section_of(other.hit) or other.hit.section_id for other in one_of_item)
        lines.append(indented(Text(f"also: {'; '.join(titles)}", style="dim"), width=width))
    if one.also_in:
        lines.append(indented(Text(also_in(one.also_in), style="dim"), width=width))
    if explain and found.alignment is not None:
        lines.append(indented(aligned(found.alignment, " ".join(words), one.text), width=width))
    if explain and one.stages:
        lines.append(indented(steps_of(one.stages), width=width))
    score = scores(found) if explain else relevance(found)
    place = in_a_line(entry_uri(one.uri, one.text, shown_from(one.text, words)))
    lines.append(indented(Text(f"{score}   {place}".rstrip(), style="dim"), width=width))
    text = Text("\n").join(lines) + Text("\n")
    return Text(f"{rank:>2}  ") + text[4:]


def also_in(others: Sequence[SameText]) -> str:
    """The other items that hold a hit's text."""
    names = [in_a_line(one.item_id) for one in others[:NAMED]]
    more = len(others) - len(names)
    return f"also in: {', '.join(names)}{f' and {more} more' if more else ''}"


def scores(found: RetrievedHit) -> str:
    """The score that orders the hits, and in brackets the scores of the steps that it comes from."""
    one = found.hit
    parts = [
        f"{name} {value:.3f}"
        for name, value in (
            ("vector", one.vector_score),
            ("words", one.text_score),
            ("reranked", found.rerank_score),
        )
        if value is not None
    ]
    parts += [
        f"{one.name} {one.contribution:+.2f}" for one in found.signals if abs(one.contribution) >= LEAST_SHARE
    ]
    if found.rerank_score is not None:
        parts.append(f"place {found.search_rank + 1} before reranking")
    score = f"score {one.score:.3f}" + (f" ({', '.join(parts)})" if parts else "")
    return score if found.relevance is None else f"{relevance(found)}   {score}"


def relevance(found: RetrievedHit) -> str:
    """The estimated probability that a hit is relevant, if the server gives one; else the score."""
    if found.relevance is None:
        return f"score {found.hit.score:.3f}"
    return f"relevance {found.relevance:.2f}" + (", probably unrelated" if found.below_floor else "")


def below_floor(hits: Sequence[RetrievedHit]) -> list[Any]:
    """One line if the hits are probably not relevant to the query."""
    low = sum(found.below_floor for found in hits)
    if not low:
        return []
    count = "All hits are" if low == len(hits) else f"{low} of {len(hits)} hits {'is' if low == 1 else 'are'}"
    return [
        Text(f"{count} probably unrelated to the query; --min-relevance X leaves them out.", style="yellow")
    ]


def without_relevance(hits: Sequence[RetrievedHit]) -> list[Any]:
    """One line if the requested minimum of relevance could not be applied."""
    if all(found.relevance is not None for found in hits):
        return []
    told = "--min-relevance left nothing out: hits of this collection have scores, and no relevance."
    return [Text(told, style="yellow")]


def snippet(whole: str, words: tuple[str, ...], *, width: int) -> Text:
    """The part of a text that holds most of the words, which are set off."""
    pattern = pattern_of(words)
    text = Text(excerpt(" ".join(without_rules(whole).split()), pattern))
    if pattern:
        text.highlight_regex(pattern, style="bold yellow")
    return indented(text, width=width)


def highlighted(one: Hit) -> Text:
    """The sentences that say most, in bold, in the order of the text."""
    text = Text()
    end = 0
    for highlight in sorted(one.highlights, key=lambda highlight: highlight.span):
        begin = highlight.span[0]
        between = one.text.encode()[end:begin].decode()
        text.append(" … " if between.strip() else " " if text else "")
        text.append(" ".join(highlight.of(one.text).split()), style="bold")
        end = highlight.span[1]
    return text.append(" …" if one.text.encode()[end:].strip() else "")


def warnings(routing: RoutingExplanation) -> list[Any]:
    """One line if the result is degraded, with the missing spaces and the expected loss.

    Or where the collection's own model is no longer served, and found it all the same.
    """
    if not routing.degraded:
        old = [name for name, why in routing.reasons.items() if why == "stale"]
        advice = "tieback reindex encodes the collection by the one that is served"
        return [Text(f"Found by the old model of {name}: {advice}.", style="yellow") for name in old]
    named = [f"{name} ({why})" if (why := routing.reasons.get(name)) else name for name in routing.missing]
    loss = routing.expected_recall_loss
    cost = f"; about {loss:.1f} points of recall are lost" if loss >= LEAST_LOSS else ""
    missing = ", ".join(named) or "a space"
    return [Text(f"Worse than it could be: {missing} did not answer{cost}.", style="yellow")]


def unread(result: RetrievalResult) -> list[Text]:
    """One line for each space that did not read all of a long query."""
    return [
        Text(
            f"{space} reads {one.window} tokens of a query, and left out the last {one.tokens}.",
            style="yellow",
        )
        for space, one in result.truncated.items()
    ]


def behind(result: RetrievalResult) -> list[Any]:
    """What the result is based on: classes of a photo, weights of the spaces, imputed blocks."""
    parts: list[Any] = []
    if result.labels:
        seen = ", ".join(f"{one.name} {one.probability:.0%}" for one in result.labels[:5])
        parts += [Text.assemble(("Taken for  ", "dim"), seen)]
    plan, expansion = result.plan, result.plan.options.query_expansion
    if is_chosen(expansion):
        parts += [Text(f"Query expanded by its best hits ({expansion.name})", style="dim")]
    if plan.expected_recall is not None and plan.options.vector_search is not None:
        reach = plan.options.vector_search.name
        told = f"Vector search: {reach}, recall {plan.expected_recall:.3f} expected"
        parts += [Text(told, style="dim")]
    if plan.skipped_reranker is not None:
        parts += [Text(f"Not reranked in time: {plan.skipped_reranker.name}", style="yellow")]
    routing = result.routing
    if routing.weights:
        how = ", ".join(part for part in (routing.policy, routing.modality, routing.binding) if part)
        parts += [Text(f"Weights of the spaces ({how})", style="dim"), bars.weights(routing.weights)]
    if routing.fallback:
        parts += [Text(f"Not routed: {routing.fallback}", style="dim")]
    if routing.imputed:
        filled = ", ".join(f"{block} ({method})" for block, method in routing.imputed.items())
        parts += [Text(f"Filled from the other spaces: {filled}", style="dim")]
    parts += [Text("Steps, and the sections that they left out", style="dim"), waterfall(result.timing)]
    best = left_out(result.timing)
    return [*parts, Text("The best of these", style="dim"), best] if best else parts


def time_spent(timing: Timing, *, seconds: float | None = None) -> list[Any]:
    """The time of each step; `seconds` is the time of the whole call, measured by the client."""
    return [Text("Where the time went", style="dim"), bars.timing(timing, seconds=seconds)]


def aligned(alignment: Alignment, query: str, candidate: str) -> Text:
    """The strongest pairs; those that are not of the query's words are of its photo or its sound."""
    asked, given = query.encode(), candidate.encode()
    pairs: dict[str, float] = {}
    for pair in alignment.pairs:
        ours, theirs = _named(asked, pair.query), _named(given, pair.candidate)
        if any(letter.isalnum() for letter in theirs):
            pairs.setdefault(f"{ours} ~ {theirs}" if ours else theirs, pair.similarity)
    strongest = list(pairs.items())[:PAIRS]
    return Text(", ".join(f"{words} {similarity:.2f}" for words, similarity in strongest), style="green")


def _named(text: bytes, part: Locator) -> str:
    """A part of a text by its words, of a picture by where it is, of a sound by its time."""
    match part.kind:
        case LocatorKind.BYTE_SPAN:
            begin, end = map(int, part.place)
            return text[begin:end].decode(errors="replace").strip()
        case LocatorKind.BOX:
            return place_of(Box(*part.place))
        case LocatorKind.TIME_RANGE:
            return "{:.1f} to {:.1f} s".format(*part.place)


def indented(text: Text, *, width: int) -> Text:
    """The text in lines that start four columns in."""
    lines = text.wrap(SafeConsole(width=width), max(30, width - 5))
    return Text("\n").join(Text("    ") + line for line in lines)
