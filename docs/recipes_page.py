"""docs/recipes.md: every recipe that learns, read from the code."""

from __future__ import annotations

import inspect
import sys

from methods_page import HEAD, origin, parameters
from tieback.recipes import trained


def recipes_page() -> str:
    """The whole page: what each recipe is, its papers, what it makes and its parameters."""
    lines = [
        HEAD,
        "",
        "# Recipes that learn",
        "",
        "A recipe is a file in `services/tieback/recipes/trained/`. `tieback recipes` lists them; `tieback "
        "train NAME --data DIR --output DIR` runs one, with parameters as `--set KEY=VALUE`. It makes an "
        "artifact: a folder named by a hash over its content, which holds arrays, facts, metrics, a report, "
        "and how it was made. Training needs PyTorch (`tieback[train]`); serving does not. Those of the lab "
        "are run where `TIEBACK_EXTENSIONS` names `lab`.",
    ]
    for name in trained.recipes.names():
        one = trained.describe(name)
        papers = ", ".join(f"[arXiv:{paper}](https://arxiv.org/abs/{paper})" for paper in one.papers)
        body = inspect.getdoc(sys.modules[trained.recipes.get(name).__module__]) or ""
        lines += [
            "",
            f"## {name}",
            "",
            body,
            "",
            f"Makes {one.makes}. {papers}"
            + " Of the lab." * bool(origin(trained.recipes.get(name).__module__)),
        ]
        lines += parameters("parameter", one.schema)
    return "\n".join(lines) + "\n"
