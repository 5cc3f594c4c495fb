"""The sections of the page. A section of which nothing was measured is an empty string."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from tieback_contract.modality import Modality

from tieback.models.joint.artifact import NATIVE, BoundProjection, JointSpaceArtifact
from tieback.reports.parts import line, maps, section, table
from tieback.reports.pictures import bar, figure, known, span

ORDER = tuple(Modality)


def spaces(bound: JointSpaceArtifact) -> str:
    """The blocks of a joint vector, and what is projected into each."""
    rows = [
        [
            escape(block.space.name),
            escape(block.modality),
            str(block.width),
            f"<code>{escape(block.space.revision)}</code>",
            "<br>".join(_projections([one for one in bound.projections if one.block == block.space.name])),
        ]
        for block in bound.blocks
    ]
    rows.append(["all", "", str(bound.width), "", ""])
    explanation = (
        "A joint vector is these blocks side by side. Each belongs to one space; vectors of "
        "other spaces are projected into it."
    )
    header = ("block", "modality", "width", "revision", "projections into it")
    return section("Spaces", explanation, table(header, rows, numbers={2}, stack=True))


def _projections(projections: Iterable[BoundProjection]) -> list[str]:
    """A line per method with its parameters: the sources that are projected by it, and the method."""
    by_method: dict[str, list[str]] = {}
    for one in projections:
        parameters = ", ".join(f"{name} {value}" for name, value in one.parameters.items())
        method = f" by {one.method}{f' ({parameters})' if parameters else ''}"
        method += ", if the vector of its own space is missing" if one.imputes else ""
        by_method.setdefault(" itself" if one.method == NATIVE else method, []).append(one.source.name)
    return [escape(", ".join(dict.fromkeys(sources)) + method) for method, sources in by_method.items()]


def retrieval(found: Sequence[Mapping[str, Any]]) -> str:
    """Bars with intervals, and chance as a dashed line, task by task."""
    explanation = (
        "Measured at binding on held-out anchors. Whiskers are 95 % intervals; the dashed line is what "
        "chance would find."
    )
    tasks: dict[str, list[str]] = {}
    for one in found:
        tasks.setdefault(one["task"], []).append(_chart(one))
    content = "".join(
        f"<h3>{escape(task)}</h3><div class=charts>{''.join(charts)}</div>" for task, charts in tasks.items()
    )
    return section("Retrieval across modalities", explanation, content)


def _chart(one: Mapping[str, Any]) -> str:
    """A bar per row, by one measure."""
    chance, rows = one.get("chance"), one["rows"]
    top = max([1.0, *(value for row in rows for value in (row["value"], row.get("high")) if known(value))])
    lines = []
    for row in rows:
        best = row["name"] == "routed"
        ends = {"low": row.get("low"), "high": row.get("high")}
        picture = bar(row["value"], top=top, **ends, mark=chance, kind="best" if best else "")
        number = figure(row["value"], 3)
        if all(map(known, ends.values())):
            number += f" [{figure(row['low'], 3)}, {figure(row['high'], 3)}]"
        lines.append(line(row["name"], picture, number, strong=best))
    if known(chance):
        lines.append(line("chance", bar(chance or 0.0, top=top, mark=chance), figure(chance, 3)))
    return f"<div><h4>{escape(one['measure'])}</h4>{''.join(lines)}</div>"


def weights(found: Mapping[str, Any], blocks: Sequence[str]) -> str:
    """Kinds of input against blocks."""
    rows = found.get("rows", ())
    values = [[row["weights"].get(block) for block in blocks] for row in rows]
    explanation = (
        "The mean weight that the router of its modality gives each block, by kind of input. A row sums to "
        "1; a dash is a block that such inputs do not reach."
    )
    titles = {"": "Router weights by kind of input"}
    content = maps(titles, [row["what"] for row in rows], blocks, [values], scale=True)
    return section("Where the router sends what", explanation, content)


def decoupling(found: Mapping[str, Any]) -> str:
    """The confusion matrix of the text router."""
    classes, confusion = found.get("classes", ()), found.get("confusion", ())
    content = maps(
        {"": "What texts are about, and what the router recognised"},
        [f"about {name}" if name != "text" else "about neither" for name in classes],
        [name if name != "text" else "neither" for name in classes],
        [[[count / sum(row) if any(row) else None for count in row] for row in confusion]],
        high=1.0,
        texts=[[f"{count:g}" for count in row] for row in confusion],
        meaning="{row}, recognised as {column}: {text}",
    )
    explanation = (
        "Held-out texts by their topic (rows) and by what the text router recognised (columns). "
        f"Right: {figure(found.get('accuracy'), 3)}."
    )
    return section("Does the router recognise what a text is about?", explanation, content)


def losses(found: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> str:
    """Modalities of queries against missing spaces."""
    kinds = [kind for kind in ORDER if found.get(kind)]
    columns = [name for name in names if any(name in found[kind] for kind in kinds)]
    values = [[found[kind].get(name) for name in columns] for kind in kinds]
    content = maps(
        {"": "Points of R@10 lost without a space"},
        [f"{kind} queries" for kind in kinds],
        columns,
        [values],
        high=max([1.0, *(value for row in values for value in row if value is not None and known(value))]),
        texts=[[figure(value, 1) for value in row] for row in values],
        meaning="{row} without {column}: {text} points lost",
    )
    explanation = (
        "Points of R@10 (of 100) that queries lost at binding where a space was taken away, with what the "
        "binding does about it in place. This is what a degraded response says it costs."
    )
    return section("What losing a space costs", explanation, content)


def imputation(found: Mapping[str, Any]) -> str:
    """The imputations of a missing space that were tried, and what queries lost all the same."""
    rows = list(found.get("rows") or ())
    if not rows:
        return ""
    columns = list(dict.fromkeys(name for row in rows for name in row["lost"]))
    cells = [
        [
            escape(str(row["method"])) + (" (chosen)" if row["method"] == found.get("chosen") else ""),
            *(figure(row["lost"].get(name), 2) for name in columns),
            figure(row.get("mean"), 2),
        ]
        for row in rows
    ]
    measure = str(found.get("measure", ""))
    explanation = (
        f"{measure[:1].upper()}{measure[1:]} ({found.get('queries', '–')} queries), by method and missing "
        "space. A request may ask for another than the chosen one."
    )
    header = ("method", *(f"without {name}" for name in columns), "mean")
    rows_of_numbers = table(header, cells, range(1, len(header)), stack=True)
    return section("How it could be imputed", explanation, rows_of_numbers)


def ranges(bound: JointSpaceArtifact) -> str:
    """Per router, the range of each block's mean weight."""
    parts = []
    for router in bound.routers:
        if not router.weight_ranges:
            continue
        top = max(0.01, *(high for _, high in router.weight_ranges.values()))
        lines = []
        for name, (low, high) in router.weight_ranges.items():
            mean = router.mean_weights.get(name)
            numbers = f"{figure(low, 3)} to {figure(high, 3)}"
            numbers += "" if mean is None else f", mean {figure(mean, 3)}"
            lines.append(line(name, span(low, high, mean, top=top), numbers))
        parts.append(f"<h3>{escape(router.modality)} · {escape(router.method)}</h3>{''.join(lines)}")
    explanation = (
        "The range in which the mean weight of a hundred queries lay at binding, its mean as a tick. A "
        "server whose mean weights leave it raises the drift alarm."
    )
    return section("Ranges of the weights", explanation, "".join(parts))
