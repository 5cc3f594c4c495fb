"""Writes the parts of the documentation that the code knows best: docs/methods.md, docs/recipes.md, and the
tables of settings, of metrics, of options and stages of a query, of the fields of a checked text, and of what
was measured.

Run by scripts/docs; with ``--check`` it says what is not current instead of writing it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from architectures_table import architectures_table
from checked_text_fields import fields_tables
from decisions_table import decisions_table
from methods_page import default, methods_page
from numbers_tables import headlines, tables
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from query_options_table import options_table
from recipes_page import recipes_page
from stages_table import stages_table
from tieback.collections.quotas import IndexSize
from tieback.core.extensions import VARIABLE
from tieback.core.types.load import Load
from tieback.encoder import AdapterState
from tieback.encoder.cache.disk import DiskState
from tieback.encoder.cache.encodings import CacheState
from tieback.serving.mesh import Mesh
from tieback.serving.mesh.directory import Directory
from tieback.serving.metrics.scrape import join
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.settings import Settings
from tieback.serving.settings.groups import setting_groups

DOCS = Path(__file__).parent

os.environ[VARIABLE] = "lab"


def settings_table() -> str:
    """Every setting with its default, a table for each group."""
    tables = []
    for title, names in setting_groups().items():
        fields = [(name, Settings.model_fields[name]) for name in names]
        rows = [
            f"| `TIEBACK_{name.upper()}` | {default(field.default)} | {field.description} |"
            for name, field in fields
        ]
        tables.append(
            "\n".join([f"### {title}", "", "| variable | default | meaning |", "|---|---|---|", *rows])
        )
    return "\n\n".join(tables)


def metrics_table() -> str:
    """Every metric with its labels, read off the registries that a process fills."""
    telemetry = Telemetry(Settings())
    telemetry.loads.watch("", "", Load)
    telemetry.caches.watch("", lambda _: CacheState(0, 0, 0, 0, 0, 0, 0, DiskState(True, 0, 0)))
    telemetry.adapters.watch("", lambda _: AdapterState())
    telemetry.index.watch(lambda: IndexSize(0, 0, 0, 0, 0, 0, 0))
    telemetry.operations.watch(lambda: {("reindex", "running"): 1})
    asyncio.run(_add_mesh(telemetry))
    page = join({("", ""): generate_latest(telemetry.registry).decode()}).decode()
    labels = {
        family.name: getattr(
            collector, "_labelnames", None
        )  # a metric without series shows them nowhere else
        for collector in list(telemetry.registry._collector_to_names)
        for family in collector.collect()
    }
    lines = ["| metric | kind | labels | what it says |", "|---|---|---|---|"]
    for family in sorted(text_string_to_metric_families(page), key=lambda found: found.name):
        if family.name.startswith("process_"):  # of the library, and on Linux alone
            continue
        name = family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")
        found = labels.get(family.name) or tuple(
            label for label in family.samples[0].labels if label not in ("deployment", "replica", "le")
        )
        lines.append(f"| `{name}` | {family.type} | {', '.join(found) or '–'} | {family.documentation} |")
    return "\n".join(lines)


async def _add_mesh(telemetry: Telemetry) -> None:
    await Mesh(Directory(), registry=telemetry.registry).close()


def pages() -> dict[Path, str]:
    """What each page should hold."""
    parts = (
        ("operations.md", "settings", settings_table),
        ("deployment.md", "metrics", metrics_table),
        ("own-models.md", "architectures", architectures_table),
        ("grounding.md", "fields", fields_tables),
        ("search.md", "options", options_table),
        ("search.md", "stages", stages_table),
        ("numbers.md", "results", tables),
        ("decisions/README.md", "pages", decisions_table),
        ("../README.md", "numbers", headlines),
    )
    found = {DOCS / "methods.md": methods_page(), DOCS / "recipes.md": recipes_page()}
    for name, mark, table in parts:
        path = DOCS / name
        text = found[path] if path in found else path.read_text(encoding="utf-8")
        begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->"
        before, after = text.index(begin) + len(begin), text.index(end)
        found[path] = f"{text[:before]}{table()}\n{text[after:]}"
    return found


def main() -> int:
    """Writes the pages, or checks them."""
    stale = [
        path
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.name} is not what the code says: run scripts/docs", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages()[path], encoding="utf-8")
        print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
