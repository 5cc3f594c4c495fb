"""What is wrong with settings, in words for who set them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches

from pydantic_core import ErrorDetails, PydanticCustomError

from tieback.core.errors import StartupError

PREFIX = "TIEBACK_"
LONGEST_VALUE = 60
"""Characters of a wrong value that a message shows."""
# Variables of the client, of scripts/setup and of the benchmarks, which a server's environment may hold too.
_OTHERS = {"SERVER", "TOKEN", "COLLECTION", "TORCH_INDEX", "DATA"}


def wrong(name: str, what: str) -> PydanticCustomError:
    """The error of a setting that does not go with the others, which `shown` finds by its name."""
    return PydanticCustomError("wrong", "{what}", {"setting": name, "what": what})


def shown(fault: ErrorDetails) -> str:
    """One fault as a person reads it: the variable, its value where that is short, and what is wrong."""
    name = fault.get("ctx", {}).get("setting") or "_".join(str(part) for part in fault["loc"])
    given = fault["input"] if isinstance(fault["input"], str | int | float) else None
    value = "" if given is None or len(str(given)) > LONGEST_VALUE else f" is {given!r}"
    return f"{PREFIX}{name.upper()}{value}: {fault['msg'].removeprefix('Value error, ')}"


def refuse_unknown_variables(settings: Iterable[str]) -> None:
    """StartupError for a misspelt variable, which would be a setting that silently is not there."""
    known = {name.upper() for name in settings} | _OTHERS
    for variable in sorted(os.environ):
        name = variable.removeprefix(PREFIX)
        if variable.startswith(PREFIX) and name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {PREFIX}{near[0]}?" if near else "docs/operations.md lists the settings"
            raise StartupError(f"the settings are not right: {variable} is not a setting; {hint}")
