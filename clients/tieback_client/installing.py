"""How to install what is missing. tieback is on no package index, so a command names where its source is."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution


def how_to_install(extra: str) -> str:
    """The command that installs the packages of an extra, from where tieback itself was installed.

    Where that is not known, SOURCE stands for it.
    """
    source = _source()
    command = f"python -m pip install 'tieback[{extra}] @ {source or 'SOURCE'}'"
    if source:
        return command
    return f"{command}, where SOURCE is file:// and the folder of tieback's source, or git+ and its URL"


def _source() -> str:
    """What pip has noted when it installed from a folder, a file or a repository; empty where it has not."""
    try:
        noted = distribution("tieback").read_text("direct_url.json")
    except PackageNotFoundError:
        return ""
    if noted is None:
        return ""
    known = json.loads(noted)
    version_control = known.get("vcs_info", {}).get("vcs", "")
    return f"{version_control}+{known['url']}" if version_control else str(known["url"])
