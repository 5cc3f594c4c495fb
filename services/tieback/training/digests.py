"""Hashes over what goes into a step: values and arrays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

LENGTH = 20  # hexadecimal digits


def digest(*parts: Any) -> str:
    """A hash of values that JSON knows, arrays, and mappings and sequences of these.

    TypeError for anything else: its text may be the same for two that differ.
    """
    whole = hashlib.sha256()
    for part in parts:
        _add(whole, part)
    return whole.hexdigest()[:LENGTH]


def _add(whole: Any, part: Any) -> None:
    if isinstance(part, np.ndarray):
        whole.update(f"array {part.dtype} {part.shape} ".encode())
        whole.update(np.ascontiguousarray(part).tobytes())
    elif isinstance(part, Mapping):
        whole.update(f"mapping {len(part)} ".encode())
        for name in sorted(part):
            _add(whole, name)
            _add(whole, part[name])
    elif isinstance(part, Sequence) and not isinstance(part, str | bytes):
        whole.update(f"sequence {len(part)} ".encode())
        for one in part:
            _add(whole, one)
    elif part is None or isinstance(part, str | int | float):
        whole.update(f"{json.dumps(part)}\n".encode())
    elif isinstance(part, np.generic):
        _add(whole, part.item())
    else:
        raise TypeError(f"no digest is made of {type(part).__name__}")
