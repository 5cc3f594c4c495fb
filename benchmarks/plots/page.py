"""The page of a result: figures, every claim with what was found, the cells behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tieback.reports.markdown import VERDICTS, records, table

from benchmarks.speed.claims import BARE, CELLS, SOURCE, SWEPT
from benchmarks.speed.sides import TITLES

Row = Mapping[str, Any]

HEAD = """\
# Speed

How the encoder service does against the machine's own limit and against other servers of the same ONNX file.
This page is written by `scripts/bench plots` from what `scripts/bench speed` measured; what people say of it
is in [speed/remarks.md](speed/remarks.md).
"""

METHOD = """\
## How it is measured

The limit is the **best bare loop, one thread**: ONNX Runtime with inputs tokenised, grouped and padded
beforehand, by whichever policy is fastest for the mix of lengths (one by one, sorted batches of 2 to 32,
sorted batches of 128 to 512 tokens, arrival order). Beside it stand a fused loop, one thread that tokenises,
sorts and runs all of it, and the loop of the int8 graph. Every server gets one thread for the model and the
same float32 file, and int8 where a line says so. One server runs at a time, in rounds that alternate with the
bare loop on the same texts; a share is to the limit of its own round, and the value is the median over the
rounds. Rates are of the steady state: the filling at the begin of a turn and the draining at its end do not
count. Every text is computed: the cache is bypassed, except where it is what is measured. The load comes
from a process of its own on the same cores.

Each of the other servers is tried first with a sweep: batches of 1 to 32 texts, in order of arrival and
sorted by length, windows of 2 and 10 ms. In each cell it is measured by the tuning that was its best there.
In overload it has a queue limit and a deadline where it knows such settings.

An interval named "95 %, bootstrap of rounds" comes from drawing rounds with replacement; of a ratio of two
servers, the rounds of each are drawn apart.

```
scripts/bench peers                                    # once: the other servers, each in its own environment
scripts/bench speed --data DIR --json speed.json       # without --data, texts that are shipped; 90 minutes
scripts/bench overload --json overload.json            # the overload alone, and what a refusal costs
scripts/bench soak --json soak.json
scripts/bench plots speed.json soak.json --out docs/speed.md
```
"""


def page(results: Sequence[Mapping[str, Any]], figures: Mapping[str, str], remarks: str = "") -> str:
    """Markdown. `figures` are paths by title, `remarks` what people have to say of the claims."""
    parts = [HEAD, *(_of_machine(result) for result in results)]
    parts += [f"## {title}\n\n![{title}]({path})\n" for title, path in figures.items()]
    parts.append("## What was aimed at, and what was found\n")
    parts += [_claims(result["claims"]) for result in results]
    parts += [remarks] if remarks else []
    parts.append(METHOD)
    for result in results:
        if bare := result["tables"].get(BARE):
            parts += ["## Bare loops, items a second\n", _rows(bare)]
        if swept := result["tables"].get(SWEPT):
            parts += ["## The other servers by tuning\n", _rows(swept)]
        if cells := result["tables"].get(CELLS):
            parts.append("## All cells\n")
            parts.append(_cells(cells))
    return "\n".join(parts)


def _of_machine(result: Mapping[str, Any]) -> str:
    machine = result["machine"]
    load = " and ".join(f"{machine[when][0]:.1f}" for when in ("load_before", "load_after"))
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    source = "; ".join(str(row["source"]) for row in result["tables"].get(SOURCE, ()))
    return (
        f"`{result['command']}`{f' on {source}' if source else ''}. {machine['processor']}, "
        f"{machine['usable_cores']} cores, {machine['memory_gb']} GB; load {load} before and after. "
        f"Python {machine['python']}; {versions}.\n"
    )


def _claims(claims: Iterable[Row]) -> str:
    rows = []
    for claim in claims:
        value = claim["value"]
        found = "–" if value is None else f"{value:g} {claim['unit']}".strip()
        if claim["low"] is not None:
            found += f" [{claim['low']:g}, {claim['high']:g}]"
        interval = claim.get("interval") or ""
        rows.append([claim["name"], found, interval, claim["target"], VERDICTS[claim["met"]], claim["note"]])
    return table(["", "found", "interval", "aim", "", ""], rows)


def _cells(cells: Iterable[Row]) -> str:
    header = [
        *(
            "side",
            "texts",
            "items",
            "in flight",
            "items/s",
            "share of the limit",
            "p50 ms",
            "p90 ms",
            "p99 ms",
        ),
        *("padding", "failed", "refused"),
    ]
    rows = [
        [
            TITLES.get(row["side"], row["side"]),
            row["mix"],
            str(row["items"]),
            str(row["in flight"]),
            f"{row['items/s']:.4g}",
            f"{row['share']:.2f} [{row['low']:.2f}, {row['high']:.2f}]",
            *(f"{row[f'p{share} ms']:.3g}" for share in (50, 90, 99)),
            "" if row["padding %"] is None else f"{row['padding %']:.1f} %",
            str(row["failures"]),
            str(row["rejections"]),
        ]
        for row in cells
    ]
    return table(header, rows)


def _rows(rows: Sequence[Row]) -> str:
    return records(
        [{name: f"{one:.4g}" if isinstance(one, float) else one for name, one in row.items()} for row in rows]
    )
