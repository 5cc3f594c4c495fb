"""Runtimes: the ways in which models of cards are run. A file here is a runtime, named as cards name it.

Adding a runtime adds its file, the model that it names, and the file of that name in `recipes/export/`, which
makes what is served of weights.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Literal, cast

from tieback.catalog.source import Strict
from tieback.core.errors import NotFound
from tieback.core.extensions import entries, where_more

Role = Literal["encoder", "reranker", "checker", "classifier", "recogniser", "generator"]


@dataclass(frozen=True, slots=True)
class Runtime:
    """A way to run models: the `role` of the cards that may name it, and their `options`.

    `model` is the class of a loaded model of an encoder or a recogniser, or a function that makes one, as
    "package.module:name". It takes the card, its files in the store, and the hardware. Other roles have one
    service each that loads its models itself.
    """

    role: Role
    options: type[Strict]
    model: str = ""

    @property
    def load(self) -> Any:
        """The class or the function that `model` names."""
        module, _, name = self.model.partition(":")
        return getattr(importlib.import_module(module), name)


def find_runtime(name: str, role: str) -> Runtime:
    """The runtime of that name. NotFound, with the choices, where cards of the role can name none such."""
    there = entries(__name__)
    if name in there and (found := _runtime(there[name])).role == role:
        return found
    choices = [one for one, module in there.items() if _runtime(module).role == role]
    raise NotFound(f"runtime of {role}s", name, choices, hint=where_more(__name__, name))


def _runtime(module: str) -> Runtime:
    return cast("Runtime", importlib.import_module(module).RUNTIME)
