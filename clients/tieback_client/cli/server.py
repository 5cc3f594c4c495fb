"""`tieback spaces`, `methods` and `health`: what the server offers, and its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import click
from rich.text import Text
from tieback_contract.answers import AnswerStyle
from tieback_contract.catalog import MeasuredReduction, Space
from tieback_contract.method_choice import is_chosen
from tieback_contract.query import QueryOptions

from tieback_client.cli.connection import command
from tieback_client.cli.output import Output
from tieback_client.cli.parameters import argument
from tieback_client.client import Client
from tieback_client.errors import Unimplemented
from tieback_client.values.catalog import Health, Method, Usage

RERANKING, GROUNDING = "reranking", "grounding"
"""The families of methods in whose place requests may name a model."""
THRESHOLD = {"properties": {"threshold": {"type": "number", "minimum": 0, "maximum": 1}}}
"""The parameters of a checker by its card."""


@command()
def spaces(client: Client, output: Output, name: str | None) -> None:
    """List the embedding spaces, or describe one."""
    if name:
        output.described(space := client.space(name), _facts(space))
        return
    output.listed(
        client.spaces(),
        ["space", "encodes", "width", "tokens", "precision", "joint space", "ready", ""],
        _row,
        right=(2, 3),
    )


def _row(one: Space) -> list[Any]:
    reads = [one.width, one.max_tokens or "any", one.precision or "–"]
    return [one.name, one.modalities, *reads, one.binding or "no", _yes(one.ready), one.description]


@command()
def methods(client: Client, output: Output, family: str = argument(default="")) -> None:
    """List the methods that requests can name.

    Models that rerank are named as methods of the family reranking are, and checkers by cards as those of the
    family grounding.
    """
    found = client.methods(family)
    if family in ("", RERANKING):
        found += [Method(RERANKING, one.name, one.description, {}) for one in client.rerankers()]
    if family in ("", GROUNDING):
        found += [Method(GROUNDING, one.name, one.description, THRESHOLD) for one in client.checkers()]
    output.listed(
        found,
        ["family", "method", "parameters", ""],
        lambda one: [one.family, one.name, _parameters(one.schema), one.summary],
    )


@command()
def health(client: Client, output: Output, service: str = argument(default="")) -> None:
    """Show whether the server is ready.

    The exit code is 1 if it is not. SERVICE is a full name, for instance tieback.v1.IndexService.
    """
    state = client.health(service)
    info = None
    if not service:
        with suppress(Unimplemented):  # a port for health alone
            info = client.server_info()
    if output.json:
        output.document({"server": client.server, "service": service, "health": state, "info": info})
    else:
        good = state is Health.SERVING
        words = "serving" if good else state.value.replace("_", " ")
        text = Text.assemble(
            (service or client.server, "bold"), "  ", (words, "green" if good else "bold red")
        )
        if info is not None:
            text.append(f"  tieback {info.version}", style="dim")
        output.show(text)
        if info is not None:
            replicas = any(one.replicas > 1 for one in info.services)
            output.table(
                ["service", "ready", *(["replicas"] if replicas else [])],
                [[one.name, _yes(one.ready), *([one.replicas] if replicas else [])] for one in info.services],
            )
            for one in info.services:
                if one.detail:
                    output.line(Text(f"{one.detail}; answers are quoted meanwhile", style="yellow"))
            output.line(Text(f"default of queries: {_in_words(info.retrieval.options)}", style="dim"))
            output.line(Text(f"answers: {_ways(info.styles)}", style="dim"))
    if state is not Health.SERVING:
        raise click.exceptions.Exit(1)


def _in_words(options: QueryOptions) -> str:
    """The defaults of queries."""
    return ", ".join(
        (
            "vectors and full text" if options.hybrid else "vectors only",
            "modalities balanced"
            if options.balance_modalities
            else "a photo or a sound alone finds its own kind first",
            "a short text one hit" if options.collapse_pieces else "every piece a hit",
            f"feedback by {options.query_expansion.name}"
            if is_chosen(options.query_expansion)
            else "no feedback",
            f"ranked by {options.ranker.name}" if is_chosen(options.ranker) else "no learned ranking",
            f"reranked by {options.reranker.name}" if is_chosen(options.reranker) else "no reranking",
        )
    )


def _ways(styles: Sequence[AnswerStyle]) -> str:
    """How answers can be made."""
    if not styles:
        return "none; no space of texts is served"
    if list(styles) == [AnswerStyle.QUOTE]:
        return "quoted; no language model is served"
    return " or ".join(
        {AnswerStyle.QUOTE: "quoted", AnswerStyle.WRITE: "written"}.get(one, "") for one in styles
    )


def _facts(space: Space) -> dict[str, Any]:
    facts = {
        "space": space.name,
        "revision": f"{space.ref.revision} (weights), {space.ref.fingerprint} (preprocessing)",
        "encodes": space.modalities,
        "width": f"{space.width}" + (f" (or {', '.join(map(str, space.widths))})" if space.widths else ""),
        "layers": ", ".join(map(str, space.layers)) + (", exits" if space.deadline_exits else ""),
        "token reduction": "; ".join(map(_reduction, space.reductions)),
        "adapters": ", ".join(space.adapters),
        "returns": space.kinds,
        "features": ", ".join(space.features),
        "reads": f"{space.max_tokens} tokens" if space.max_tokens else "any length",
        "joint space": space.binding or "no",
        "bound by": space.binding_revision,
        "blocks": ", ".join(f"{name} ({width})" for name, width in space.blocks.items()),
        "projections": space.projections,
        "ready": _yes(space.ready),
        "precision": space.precision,
        **{one.measure: f"{one.value:.5g} (in float32 {one.float32:.5g})" for one in space.drift},
        "about": space.description,
        "license": space.license,
        "from": space.upstream,
    }
    return {key: value for key, value in facts.items() if value}


def _reduction(one: MeasuredReduction) -> str:
    served = "served" if one.served else "not served"
    gain = f"{one.speed:.2f} times as fast for {100 * one.lost:.1f} points"
    return f"{one.method} at {one.ratio:g}, {served}: {gain}"


def _parameters(schema: Mapping[str, Any]) -> str:
    known = schema.get("properties", {})
    return ", ".join(f"{name}={one['default']}" if "default" in one else name for name, one in known.items())


def _yes(ready: bool) -> Text:
    return Text("yes", style="green") if ready else Text("no", style="bold red")


@command()
def whoami(client: Client, output: Output) -> None:
    """Show the token's tenant and role, and its use of the quota."""
    usage = client.usage()
    if output.json:
        output.document(usage)
        return
    role = Text(usage.role.value if usage.role is not None else "unknown", style="cyan")
    if usage.tenant:
        output.show(Text.assemble((usage.tenant, "bold"), "  role ", role))
    else:
        output.show("The server needs no token; everyone has all permissions.")
    output.table(["", "used", "quota"], _rows(usage), right=(1, 2))
    if usage.shared:
        output.table(["shared by others", "role"], [[name, one.value] for name, one in usage.shared.items()])


def _rows(usage: Usage) -> list[list[str]]:
    quota = usage.quota
    return [
        ["collections", f"{usage.collection_count:,}", _limit(quota.collection_count)],
        ["items", f"{usage.item_count:,}", _limit(quota.item_count)],
        ["bytes", f"{usage.byte_count:,}", _limit(quota.byte_count)],
        ["tokens per second and replica", "", _limit(quota.tokens_per_second)],
    ]


def _limit(number: float | None) -> str:
    return "none" if number is None else f"{number:,}"
