"""A method of one of the server's families, as a caller names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

MethodLike: TypeAlias = str | tuple[str, Mapping[str, object]]
"""A method by name, or by name and parameters: ``("context_aware", {"alpha": 0.5})``."""
