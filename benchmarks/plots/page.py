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

The speed of the encoder service, compared with the limit of the machine and with other servers of the same
ONNX file. `scripts/bench plots` writes this page from the results of `scripts/bench speed`; the discussion
is in [speed/remarks.md](speed/remarks.md).
"""

METHOD = """\
## How it is measured

The limit is the **best bare loop with one thread**: a loop around ONNX Runtime, without a server, with inputs
that are tokenised, grouped and padded in advance. Several batching policies are tried (one text at a time,
sorted batches of 2 to 32 texts, sorted batches of 128 to 512 tokens, order of arrival), and the fastest for
the mix of lengths is the limit. There are two more loops for comparison: a fused loop, where one thread
tokenises, sorts and runs, and the loop of the int8 graph. Every server has one thread for the model and uses
the same float32 file, or the int8 file where a line says so. One server runs at a time. Its rounds alternate
with rounds of the bare loop on the same texts. A share is the server's rate over the limit of the same round;
the reported value is the median over the rounds. Rates are measured in the steady state, without the start
and the end of a round. Caches are bypassed, except where the cache itself is measured. The load comes from a
separate process on the same cores. Where other processes took more than 5 % of a core during a turn, it is
measured again, and the quieter turn counts; at most one turn in two is repeated.

Each of the other servers is first tuned with a sweep: batches of 1 to 32 texts, in order of arrival and
sorted by length, with windows of 2 and 10 ms. In each cell, a server is measured with the tuning that was its
best there. In the overload test it has a queue limit and a deadline if it supports them.

An interval named "95 %, bootstrap of rounds" comes from resampling rounds with replacement. For a ratio of
two servers, the rounds of each are resampled separately.

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
    parts.append("## Aims and results\n")
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
