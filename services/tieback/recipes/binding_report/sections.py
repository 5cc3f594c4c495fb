"""What the page says, section by section. A section of which nothing was measured is an empty string."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from tieback.core.types.content import Modality
from tieback.models.bound_space import NATIVE, BoundPath, BoundSpace
from tieback.recipes.binding_report.claims import Claim
from tieback.recipes.binding_report.pictures import bar, curve, figure, heat_map, known, legend, span

VERDICTS = {True: ("met", "met"), False: ("missed", "not met"), None: ("", "not measured")}
ORDER = tuple(Modality)


def section(title: str, said: str, content: str) -> str:
    """A heading, a sentence or two, the content; nothing where there is no content."""
    if not content:
        return ""
    return f"<section><h2>{escape(title)}</h2><p class=soft>{escape(said)}</p>{content}</section>"


def claims(title: str, said: str, found: Sequence[Claim]) -> str:
    """A card per claim."""
    return section(title, said, f"<div class=cards>{''.join(map(_card, found))}</div>" if found else "")


def listed(title: str, said: str, found: Sequence[Claim]) -> str:
    """A line per claim, where there are many."""
    rows = []
    for claim in found:
        kind, verdict = VERDICTS[claim.met]
        rows.append(
            [
                escape(claim.name),
                escape(claim.value),
                f"<span class=whole>{escape(claim.target)}</span>",
                f'<span class="{kind}"><span class=verdict>{verdict}</span></span>',
                f"<span class=soft>{escape(claim.note)}</span>" if claim.note else "",
            ]
        )
    header = ("claim", "found", "target", "verdict", "note")
    return section(title, said, _table(header, rows, stack=True) if rows else "")


def _card(claim: Claim) -> str:
    kind, verdict = VERDICTS[claim.met]
    note = f"<p>{escape(claim.note)}</p>" if claim.note else ""
    return (
        f'<div class="card {kind}"><h3>{escape(claim.name)}</h3><div class=value>{escape(claim.value)}</div>'
        f"<p>target {escape(claim.target)} · <span class=verdict>{verdict}</span></p>{note}</div>"
    )


def spaces(bound: BoundSpace) -> str:
    """The blocks of a joint vector, and what leads into each."""
    rows = [
        [
            escape(block.space.name),
            escape(block.modality),
            str(block.width),
            f"<code>{escape(block.space.revision)}</code>",
            "<br>".join(_paths([path for path in bound.paths if path.block == block.space.name])),
        ]
        for block in bound.blocks
    ]
    rows.append(["all", "", str(bound.width), "", ""])
    said = (
        "A joint vector is these blocks side by side. Each belongs to one space; paths lead the vectors of "
        "other spaces into it."
    )
    header = ("block", "modality", "width", "revision", "paths into it")
    return section("Spaces", said, _table(header, rows, numbers={2}, stack=True))


def _paths(paths: Iterable[BoundPath]) -> list[str]:
    """A line per way in: the sources that take it, the method and its parameters."""
    ways: dict[str, list[str]] = {}
    for path in paths:
        parameters = ", ".join(f"{name} {value}" for name, value in path.parameters.items())
        way = f" by {path.method}{f' ({parameters})' if parameters else ''}"
        way += ", where its own space is silent" if path.stands_in else ""
        ways.setdefault(" itself" if path.method == NATIVE else way, []).append(path.source.name)
    return [escape(", ".join(dict.fromkeys(sources)) + way) for way, sources in ways.items()]


def retrieval(found: Sequence[Mapping[str, Any]]) -> str:
    """Bars with intervals, and chance as a dashed line, task by task."""
    said = (
        "Measured at binding on held-out anchors. Whiskers are 95 % intervals; the dashed line is what "
        "chance would find."
    )
    tasks: dict[str, list[str]] = {}
    for one in found:
        tasks.setdefault(one["task"], []).append(_chart(one))
    content = "".join(
        f"<h3>{escape(task)}</h3><div class=charts>{''.join(charts)}</div>" for task, charts in tasks.items()
    )
    return section("Retrieval across modalities", said, content)


def _chart(one: Mapping[str, Any]) -> str:
    """A bar per way, by one measure."""
    chance, rows = one.get("chance"), one["rows"]
    top = max([1.0, *(value for row in rows for value in (row["value"], row.get("high")) if known(value))])
    lines = []
    for row in rows:
        best = row["name"] == "routed"
        picture = bar(
            row["value"],
            top=top,
            low=row.get("low"),
            high=row.get("high"),
            mark=chance,
            kind="best" if best else "",
        )
        lines.append(_line(row["name"], picture, _with_interval(row), strong=best))
    if known(chance):
        lines.append(_line("chance", bar(chance or 0.0, top=top, mark=chance), figure(chance, 3)))
    return f"<div><h4>{escape(one['measure'])}</h4>{''.join(lines)}</div>"


def _with_interval(row: Mapping[str, Any]) -> str:
    value = figure(row["value"], 3)
    if not known(row.get("low")) or not known(row.get("high")):
        return value
    return f"{value} [{figure(row['low'], 3)}, {figure(row['high'], 3)}]"


def _line(name: str, picture: str, number: str, *, strong: bool = False) -> str:
    kind = ' class="name strong"' if strong else " class=name"
    return (
        f"<div class=line><span{kind}>{escape(name)}</span><span class=picture>{picture}</span>"
        f"<span class=number>{escape(number)}</span></div>"
    )


def alignment(found: Mapping[str, Any]) -> str:
    """Two heat maps on one scale: before and after."""
    names = found.get("spaces", ())
    tables = {when: found[when] for when in ("before", "after") if found.get(when)}
    every = [value for table in tables.values() for row in table for value in row if known(value)]
    if not every:
        return ""
    low, high = min(0.0, *every), max(every)
    maps = "".join(
        f"<figure><figcaption>{when.capitalize()}</figcaption>"
        f"{heat_map(f'Alignment {when} binding', names, names, table, low=low, high=high)}</figure>"
        for when, table in tables.items()
    )
    said = (
        "How much nearer two spaces' vectors of the same thing are than those of different things (mean "
        "cosine of matched less unmatched pairs, held out). Before: by class names alone; a dash is where "
        "there was no way to compare."
    )
    return section("Alignment", said, f"<div class=side>{maps}</div>{legend(low, high)}")


def weights(found: Mapping[str, Any], blocks: Sequence[str]) -> str:
    """Kinds of input against blocks."""
    rows = found.get("rows", ())
    if not rows:
        return ""
    table = [[row["weights"].get(block) for block in blocks] for row in rows]
    high = max((value for line in table for value in line if known(value)), default=1.0)
    picture = heat_map(
        "Router weights by kind of input", [row["what"] for row in rows], blocks, table, high=high
    )
    said = (
        "The mean weight that the router of its modality gives each block, by kind of input. A row sums to "
        "1; a dash is a block that such inputs do not reach."
    )
    content = f"<figure>{picture}</figure>{legend(0.0, high)}"
    return section("Where the router sends what", said, content)


def decoupling(found: Mapping[str, Any]) -> str:
    """The confusion matrix of the text router."""
    classes, confusion = found.get("classes", ()), found.get("confusion", ())
    if not confusion:
        return ""
    totals = [sum(row) for row in confusion]
    shares = [
        [count / total if total else None for count in row]
        for row, total in zip(confusion, totals, strict=True)
    ]
    texts = [[f"{count:g}" for count in row] for row in confusion]
    picture = heat_map(
        "What texts speak of, and what the router took it for",
        [f"speaks of {name}" if name != "text" else "speaks of neither" for name in classes],
        [name if name != "text" else "neither" for name in classes],
        shares,
        texts=texts,
        meaning="{row}, taken for {column}: {text}",
    )
    said = (
        f"Held-out texts by what they speak of (rows) and what the text router took them for (columns). "
        f"Right: {figure(found.get('accuracy'), 3)}; {figure(found.get('without'), 3)} without the "
        "decoupling objective."
    )
    return section("Does the router know what a text speaks of?", said, f"<figure>{picture}</figure>")


def losses(found: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> str:
    """Modalities of queries against spaces that are lost."""
    kinds = [kind for kind in ORDER if found.get(kind)]
    columns = [name for name in names if any(name in found[kind] for kind in kinds)]
    if not kinds or not columns:
        return ""
    table = [[found[kind].get(name) for name in columns] for kind in kinds]
    every = [value for row in table for value in row if value is not None and known(value)]
    high = max([1.0, *every])
    texts = [[figure(value, 1) for value in row] for row in table]
    picture = heat_map(
        "Points of R@10 lost without a space",
        [f"{kind} queries" for kind in kinds],
        columns,
        table,
        low=min(0.0, *every) if every else 0.0,
        high=high,
        texts=texts,
        meaning="{row} without {column}: {text} points lost",
    )
    said = (
        "Points of R@10 (of 100) that queries lost at binding where a space was taken away, with what the "
        "binding does about it in place. This is what a degraded response says it costs."
    )
    return section("What losing a space costs", said, f"<figure>{picture}</figure>")


def imputation(found: Mapping[str, Any]) -> str:
    """The imputations of a lost space that were tried, and what queries lost all the same."""
    rows = list(found.get("rows") or ())
    if not rows:
        return ""
    columns = list(dict.fromkeys(name for row in rows for name in row["lost"]))
    table = [
        [
            escape(str(row["method"])) + (" (chosen)" if row["method"] == found.get("chosen") else ""),
            *(figure(row["lost"].get(name), 2) for name in columns),
            figure(row.get("mean"), 2),
        ]
        for row in rows
    ]
    said = (
        f"{_begun(str(found.get('measure', '')))} ({found.get('queries', '–')} queries), by method and "
        "lost space. A request may ask for another than the chosen one."
    )
    header = ("method", *(f"without {name}" for name in columns), "mean")
    return section(
        "How it could be imputed", escape(said), _table(header, table, range(1, len(header)), stack=True)
    )


def ranges(bound: BoundSpace) -> str:
    """Per router, the usual range of each block's mean weight."""
    parts = []
    for router in bound.routers:
        if not router.usual:
            continue
        top = max(high for _, high in router.usual.values())
        lines = "".join(
            _line(
                name,
                span(low, high, router.spoken.get(name), top=max(top, 0.01)),
                f"{figure(low, 3)} to {figure(high, 3)}"
                + (f", mean {figure(router.spoken[name], 3)}" if name in router.spoken else ""),
            )
            for name, (low, high) in router.usual.items()
        )
        parts.append(f"<h3>{escape(router.modality)} · {escape(router.method)}</h3>{lines}")
    said = (
        "The range in which the mean weight of a hundred queries lay at binding, its mean as a tick. A "
        "server whose mean weights leave it raises the drift alarm."
    )
    return section("Usual weights", said, "".join(parts))


def training(found: Sequence[Mapping[str, Any]]) -> str:
    """A curve per path that was trained; in words where there is none."""
    curves, words = [], []
    for one in found:
        name, losses_ = str(one["path"]), list(one.get("loss") or ())
        of = f"{one['method']}, {one['anchors']} anchors"
        picture = curve(name, losses_)
        if picture:
            ends = f"loss {figure(losses_[0], 3)} → {figure(losses_[-1], 3)}"
            curves.append(
                f"<figure><figcaption>{escape(name)}</figcaption>{picture}"
                f"<p class=soft>{escape(of)}; {ends}</p></figure>"
            )
        else:
            words.append([escape(name), escape(str(one["method"])), escape(str(one["anchors"]))])
    content = f"<div class=curves>{''.join(curves)}</div>" if curves else ""
    if words:
        content += "<h3>Fitted in closed form</h3>" + _table(
            ("path", "method", "anchors"), words, numbers={2}
        )
    return section(
        "Training", "The loss over the steps of training, each curve on a scale of its own.", content
    )


def provenance(found: Mapping[str, Any]) -> str:
    """What it was made of, as it was recorded."""
    rows = [[escape(str(name)), _value(value)] for name, value in found.items() if _said(value)]
    said = "As recorded in the artifact when it was made."
    return section("Provenance", said, _table(("", ""), rows) if rows else "")


def _begun(sentence: str) -> str:
    """With a capital at its beginning, and the rest as it is."""
    return sentence[:1].upper() + sentence[1:]


def _said(value: Any) -> bool:
    """Whether there is anything to tell; a 0 is something."""
    return value is not None and value not in ("", [], (), {})


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        told = {name: one for name, one in value.items() if _said(one)}
        return "<br>".join(f"{escape(str(name))}: {_value(one)}" for name, one in told.items())
    if isinstance(value, list | tuple):
        return ", ".join(_value(one) for one in value)
    if isinstance(value, float):
        return escape(f"{value:.6g}")
    return escape(str(value))


def _table(
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
