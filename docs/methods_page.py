"""docs/methods.md: a row for each paper, then every family with its methods, read from the code."""

from __future__ import annotations

import inspect
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import papers
from tieback.core.extensions import entries
from tieback.core.family import SUMMARY, Family
from tieback.methods import families
from tieback.serving.requests.contract import METHOD_FIELDS, MethodField

HEAD = "<!-- Written by scripts/docs from the code. Do not edit. -->"


def methods_page() -> str:
    """The whole page."""
    requested = {name: _fields(fields) for name, fields in METHOD_FIELDS.items()}
    known = sorted(families().values(), key=lambda family: family.name not in requested)
    states = Counter(paper.state for paper in papers.papers())
    lines = [
        HEAD,
        "",
        "# Methods",
        "",
        "A family is a folder of `services/tieback/methods/`, a method a file in it. Requests name methods "
        f"of the families {', '.join(sorted(requested))}; `tieback methods` and `CatalogService.ListMethods` "
        "show these on a running server. Methods of the other families are chosen by cards and recipes. "
        "Adding a method adds a file there and touches nothing else: see "
        "[architecture.md](architecture.md#where-things-are). Those of the lab (`services/tieback_lab/`) are "
        "used where `TIEBACK_EXTENSIONS` names `lab`.",
        "",
        "| family | named by requests in | methods | what it does |",
        "|---|---|---|---|",
    ]
    for family in known:
        links = ", ".join(
            f"[{name}](#{family.name}-{name}){origin(module)}"
            for name, module in entries(family.package).items()
        )
        summary = _first(inspect.getdoc(sys.modules[family.package]))
        lines.append(
            f"| {family.name}{origin(family.package)} | {requested.get(family.name, '–')} | {links} | "
            f"{summary} |"
        )
    lines += [
        "",
        "## Papers",
        "",
        "The published methods that the platform is built to host, and what there is of each: "
        + ", ".join(f"{states[state]} {state}" for state in papers.STATES if states[state])
        + ". A row that is done does what the paper means and is reached by a user; one in part lacks what "
        "is said below; a baseline is another method in the place of the paper's. Each is proved by tests "
        "that `docs/papers.yaml` names.",
        "",
        "The paper's own comparison is one that the paper makes, at the scale of two processor cores. It is "
        "met where the worse end of its interval reaches the aim: with every seed, or within 95 % by "
        "bootstrap. The last column counts all comparisons, of the paper and ours, in which the product's "
        "code ran on real data.",
        "",
        *papers.table(requested),
        "",
        "### What is missing, and what was run and left out",
        "",
        *papers.remarks(),
        "",
        "### Claims",
        "",
        "Each claim of a paper that was tried: whose comparison it is (the paper's, or one of ours), whether "
        "the product's code runs in it, and on which data. What holds by construction, or on data that were "
        "made so that the method can show itself, is no claim but a test; claims of other methods are not "
        "counted for a paper.",
        "",
        *papers.claims(),
    ]
    for family in known:
        lines += ["", f"## {family.name}", "", inspect.getdoc(sys.modules[family.package]) or ""]
        for name in family.names():
            lines += ["", *_method(family, name)]
    return "\n".join(lines) + "\n"


def _fields(fields: Sequence[MethodField]) -> str:
    """The fields with the RPCs whose requests have them: "`method` of Rerank"."""
    rpcs: dict[str, list[str]] = {}
    for field in fields:
        rpcs.setdefault(field.path, []).append(field.rpc.rpartition(".")[2])
    return ", ".join(f"`{path}` of {', '.join(sorted(set(names)))}" for path, names in sorted(rpcs.items()))


def origin(module: str) -> str:
    """A mark of what is in the lab."""
    return " (lab)" if module.startswith("tieback_lab.") else ""


def _method(family: Family[Any], name: str) -> list[str]:
    module = sys.modules[family.get(name).__module__]
    lines = [f'### <a id="{family.name}-{name}"></a>{name}', "", inspect.getdoc(module) or ""]
    lines += parameters("parameter", family.schema(name))
    for form in family.forms:
        if form.own_parameters and family.has(form, name):
            lines += parameters(f"parameter of `{form.name}`", family.schema(name, form))
    if family.learns and family.state(name):
        arrays = [f"`{array}` [{', '.join(shape)}]" for array, shape in family.state(name).items()]
        lines += ["", f"Its state: {', '.join(arrays)}."]
    if family.explains:
        lines += ["", f"Explanation: {_first(inspect.getdoc(getattr(module, SUMMARY)))}"]
    if family.goes_into_graphs(name):
        lines += ["", "An exported graph can hold it."]
    return lines


def parameters(head: str, schema: Mapping[str, Any]) -> list[str]:
    """A table of a function's parameters; nothing where it has none."""
    rows = [
        f"| `{key}` | {default(one.get('default'))} | {_takes(one)} |"
        for key, one in schema.get("properties", {}).items()
    ]
    return ["", f"| {head} | default | takes |", "|---|---|---|", *rows] if rows else []


def _takes(schema: Mapping[str, Any]) -> str:
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


def default(value: object) -> str:
    """A default as a table shows it."""
    if value is None or value == "" or value in ((), []):
        return "–"
    if isinstance(value, Path | str):
        return f"`{value}`"
    return f"`{json.dumps(value, default=str)}`"


def _first(text: str | None) -> str:
    return (text or "").split("\n\n")[0].replace("\n", " ")
