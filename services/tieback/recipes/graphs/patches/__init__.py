"""Architectures whose folders or models need something of their own: a file each, and no other code for them.

A file is named as `model_type` in `config.json` (`deberta-v2` is `deberta_v2`), or, of folders that come with
code of their own (`auto_map`), as the class of their configuration: `NewConfig` is `new`. That code is never
run: a file here says which class of transformers computes the same. A file may hold:

- ``ARCHITECTURE``: the `model_type` of that class, where it is not the file's name.
- ``config(fields)``: the fields of `config.json` as that class knows them; StartupError, with the reason,
  where they ask for what it does not compute.
- ``prepare(model)``: changes a loaded model, so that its export computes the same.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from tieback.core.extensions import entries


def find_patch(name: str) -> ModuleType | None:
    """The file of an architecture, if it has one."""
    module = entries(__name__).get(name.replace("-", "_"))
    return None if module is None else importlib.import_module(module)


def own_code(fields: Mapping[str, Any]) -> str:
    """The name of the architecture that a folder brings code for; empty where it brings none."""
    if "auto_map" not in fields:
        return ""
    classes = fields["auto_map"]
    named = classes.get("AutoConfig") if isinstance(classes, dict) else None
    name = str(named or fields.get("model_type")).rpartition(".")[2].removesuffix("Config")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
