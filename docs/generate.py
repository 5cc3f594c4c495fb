"""Writes the parts of the documentation that the code knows best: docs/methods.md, docs/recipes.md, and the
tables of settings and of metrics.

Run by scripts/docs; with ``--check`` it says what is not current instead of writing it.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from tieback import methods
from tieback.core.family import Family
from tieback.core.types.load import Load
from tieback.encoder.disk_cache import DiskState
from tieback.encoder.recall import CacheState
from tieback.recipes import trained
from tieback.serving.assembly import request_families
from tieback.serving.directory import Directory
from tieback.serving.mesh import Mesh
from tieback.serving.scrape import join
from tieback.serving.settings import Settings
from tieback.serving.telemetry import IndexSize, Telemetry

DOCS = Path(__file__).parent
HEAD = "<!-- Written by scripts/docs from the code. Do not edit. -->"


def methods_page() -> str:
    """Every family with its protocol's sentence, every method with its source and parameters."""
    named = {family.name for family in request_families()}
    families = sorted(_families(), key=lambda found: found[1].name not in named)
    lines = [
        HEAD,
        "",
        "# Methods",
        "",
        "A family is a folder of `services/tieback/methods/`, a method a file in it. Requests name methods "
        f"of the families {', '.join(sorted(named))}, in fields that say of which family; `tieback methods` "
        "and `CatalogService.ListMethods` show these on a running server. Methods of the other families are "
        "chosen by cards and recipes. Adding a method adds a file there and touches nothing else: see "
        "[architecture.md](architecture.md#where-things-are).",
        "",
        "| family | named by | methods | what it does |",
        "|---|---|---|---|",
    ]
    for package, family in families:
        links = ", ".join(f"[{name}](#{family.name}-{name})" for name in family.names())
        by = "requests" if family.name in named else "cards, recipes"
        lines.append(f"| {family.name} | {by} | {links} | {_first(inspect.getdoc(package))} |")
    for package, family in families:
        lines += ["", f"## {family.name}", "", inspect.getdoc(package) or ""]
        for name in family.names():
            lines += ["", *_method(family, name)]
    return "\n".join(lines) + "\n"


def recipes_page() -> str:
    """Every recipe that learns, with its papers, what it makes and its parameters."""
    lines = [
        HEAD,
        "",
        "# Recipes that learn",
        "",
        "A recipe is a file in `services/tieback/recipes/trained/`. `tieback recipes` lists them; `tieback "
        "train NAME --data DIR --output DIR` runs one, with parameters as `--set KEY=VALUE`. It makes an "
        "artifact: a folder named by a hash over its content, which holds arrays, facts, metrics, a report, "
        "and how it was made. Training needs PyTorch (`tieback[train]`); serving does not.",
    ]
    for name in trained.recipes.names():
        one = trained.describe(name)
        papers = ", ".join(f"[arXiv:{paper}](https://arxiv.org/abs/{paper})" for paper in one.papers)
        body = inspect.getdoc(sys.modules[trained.recipes.get(name).__module__]) or ""
        lines += ["", f"## {name}", "", body, "", f"Makes {one.makes}. {papers}"]
        lines += ["", *_parameters(one.schema)]
    return "\n".join(lines) + "\n"


def settings_table() -> str:
    """Every setting with its default."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        lines.append(f"| `TIEBACK_{name.upper()}` | {_default(field.default)} | {field.description} |")
    return "\n".join(lines)


def metrics_table() -> str:
    """Every metric with its labels, read off the registries that a process fills."""
    telemetry = Telemetry(Settings())
    telemetry.watch_load("", "", Load)
    telemetry.watch_cache("", lambda _: CacheState(0, 0, 0, 0, 0, 0, 0, DiskState(True, 0, 0)))
    telemetry.watch_index(lambda: IndexSize(0, 0, 0, 0, 0))
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


def _families() -> Iterator[tuple[Any, Family[Any]]]:
    for module in sorted(pkgutil.iter_modules(methods.__path__), key=lambda found: found.name):
        package = importlib.import_module(f"{methods.__name__}.{module.name}")
        yield from ((package, value) for value in vars(package).values() if isinstance(value, Family))


def _method(family: Family[Any], name: str) -> list[str]:
    described = family.describe(name)
    module = sys.modules[family.get(name).__module__]
    lines = [f'### <a id="{family.name}-{name}"></a>{name}', "", inspect.getdoc(module) or ""]
    if described.schema.get("properties"):
        lines += ["", *_parameters(described.schema)]
    return lines


def _parameters(schema: Mapping[str, Any]) -> list[str]:
    """A table of a function's parameters."""
    return [
        "| parameter | default | takes |",
        "|---|---|---|",
        *(
            f"| `{key}` | {_default(one.get('default'))} | {_takes(one)} |"
            for key, one in schema["properties"].items()
        ),
    ]


def _takes(schema: dict[str, Any]) -> str:
    """A JSON schema in words, as far as methods use them."""
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_takes(choice) for choice in schema["anyOf"])
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"a list of {_takes(schema['items'])}" if "items" in schema else "a list"
    if kind == "object":
        return "a mapping from names to numbers"
    bounds = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
    said = [f"{sign} {schema[bound]:g}" for bound, sign in bounds if bound in schema]
    return " ".join([kind, ", ".join(said)]).strip()


def _default(value: object) -> str:
    if value is None or value == "" or value in ((), []):
        return "–"
    if isinstance(value, Path | str):
        return f"`{value}`"
    return f"`{json.dumps(value, default=str)}`"


def _first(text: str | None) -> str:
    return (text or "").split("\n\n")[0].replace("\n", " ")


def pages() -> dict[Path, str]:
    """What each page should hold."""
    tables = {"operations.md": ("settings", settings_table), "deployment.md": ("metrics", metrics_table)}
    found = {DOCS / "methods.md": methods_page(), DOCS / "recipes.md": recipes_page()}
    for name, (mark, table) in tables.items():
        text = (DOCS / name).read_text(encoding="utf-8")
        begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->"
        before, after = text.index(begin) + len(begin), text.index(end)
        found[DOCS / name] = f"{text[:before]}{table()}\n{text[after:]}"
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
            print(f"docs/{path.name} is not what the code says: run scripts/docs", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages()[path], encoding="utf-8")
        print(f"wrote docs/{path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
