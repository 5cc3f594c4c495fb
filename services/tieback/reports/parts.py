"""What a page is made of. A part of which there is nothing to show is an empty string.

Names, notes and numbers are escaped here; what is called `content`, `picture` or a cell is HTML already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from tieback.reports.pictures import Number, figure, heat_map, known, legend
from tieback.reports.style import STYLE

VERDICTS = {True: ("met", "met"), False: ("missed", "not met"), None: ("", "not measured")}
"""Whether a claim was met, as the page's class and in words."""


def section(title: str, said: str, content: str) -> str:
    """A heading, a sentence or two, the content; nothing where there is no content."""
    if not content:
        return ""
    return f"<section><h2>{escape(title)}</h2><p class=soft>{escape(said)}</p>{content}</section>"


def cards(title: str, said: str, found: Sequence[PublishedClaim]) -> str:
    """A card per claim. One without a target is a number alone."""
    return section(title, said, f"<div class=cards>{''.join(map(_card, found))}</div>" if found else "")


def _card(claim: PublishedClaim) -> str:
    kind, verdict = VERDICTS[claim.met]
    note = f"<p>{escape(claim.note)}</p>" if claim.note else ""
    aim = (
        f"<p>target {escape(claim.target)} · <span class=verdict>{verdict}</span></p>" if claim.target else ""
    )
    return (
        f'<div class="card {kind}"><h3>{escape(claim.name)}</h3><div class=value>{escape(claim.value)}</div>'
        f"{aim}{note}</div>"
    )


def line(name: str, picture: str, number: str, *, strong: bool = False) -> str:
    """A name, a picture that is stretched to the room there is, and a number."""
    kind = ' class="name strong"' if strong else " class=name"
    return (
        f"<div class=line><span{kind}>{escape(name)}</span><span class=picture>{picture}</span>"
        f"<span class=number>{escape(number)}</span></div>"
    )


def maps(
    titles: Mapping[str, str],
    rows: Sequence[str],
    columns: Sequence[str],
    tables: Sequence[Sequence[Sequence[Number]]],
    *,
    high: float | None = None,
    scale: bool = False,
    **cells: Any,
) -> str:
    """Heat maps of the `tables`, side by side on one scale; `titles` are by caption, which may be empty.

    The scale is from 0, or the least value below it, to the largest, or to `high`; it is shown where `scale`.
    `cells` are what `heat_map` takes to write into them.
    """
    every = [
        value for values in tables for row in values for value in row if value is not None and known(value)
    ]
    if not every:
        return ""
    low, high = min(0.0, *every), max(every) if high is None else high
    drawn = "".join(
        f"<figure>{f'<figcaption>{escape(caption)}</figcaption>' if caption else ''}"
        f"{heat_map(title, rows, columns, values, low=low, high=high, **cells)}</figure>"
        for (caption, title), values in zip(titles.items(), tables, strict=True)
    )
    return f"<div class=side>{drawn}</div>{legend(low, high) if scale else ''}"


def facts(title: str, said: str, found: Mapping[str, Any]) -> str:
    """Names with their values, nested as they are; what is empty is left out."""
    rows = [[escape(str(name)), _value(value)] for name, value in found.items() if _says(value)]
    return section(title, said, table(("", ""), rows) if rows else "")


def _says(value: Any) -> bool:
    """Whether there is anything to show; a 0 is something."""
    return value is not None and value not in ("", [], (), {})


def _value(value: Any) -> str:
    match value:
        case Mapping():
            told = {name: one for name, one in value.items() if _says(one)}
            return "<br>".join(f"{escape(str(name))}: {_value(one)}" for name, one in told.items())
        case list() | tuple():
            return ", ".join(_value(one) for one in value)
        case float():
            return escape(f"{value:.6g}")
        case _:
            return escape(str(value))


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = (), *, stack: bool = False
) -> str:
    """Cells are HTML already; columns in `numbers` stand to the right; on a phone `stack` sets lines."""
    right = set(numbers)

    def opened(tag: str, place: int) -> str:
        name = f' data-name="{escape(header[place])}"' if stack and tag == "td" and header[place] else ""
        return f"<{tag}{' class=number' if place in right else ''}{name}>"

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(f"{opened(tag, place)}{cell}</{tag}>" for place, cell in enumerate(row))

    head = f"<thead><tr>{cells('th', [escape(name) for name in header])}</tr></thead>" if any(header) else ""
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    kind = " class=stack" if stack else ""
    return f"<figure><table{kind}>{head}<tbody>{body}</tbody></table></figure>"


@dataclass(frozen=True, slots=True)
class PublishedClaim:
    """A value beside its target, both as they are written; `met` is None where nothing was aimed at."""

    name: str
    value: str
    target: str
    met: bool | None
    note: str = ""


def gain(name: str, value: float, note: str = "") -> PublishedClaim:
    """The claim that something is more than something else, by its difference."""
    return PublishedClaim(name, f"{'+' if value > 0 else ''}{figure(value, 3)}", "> 0", value > 0, note)


# The page: one HTML file that loads nothing and runs nothing, for desk, phone and paper, by day and night.
#
# The page's own policy forbids scripts and requests. Whoever gives it content escapes what comes from
# outside.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(title: str, heading: str, introduction: str, sections: Iterable[str]) -> str:
    """The page as HTML. The introduction and the sections are HTML; those that are empty are left out."""
    header = f"<header><h1>{escape(heading)}</h1><p>{introduction}</p></header>"
    content = "\n".join([header, *filter(None, sections)])
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n{content}\n</body></html>\n"
    )
