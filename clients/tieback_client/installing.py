"""How to install what is missing. tieback is on no package index, so a command names where its source is."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution, version

CLIENT, SERVER = "tieback-client", "tieback"
FOLDER = "clients"
"""Where the client is in the source of both."""
GPU_BUILD = "'onnxruntime-gpu[cuda,cudnn]>=1.31'"  # with CUDA's own libraries
"""ONNX Runtime for GPUs, as the shell takes it. It takes the place of `onnxruntime`: both are one module."""
OF_THE_CLIENT = frozenset({"cli", "files", "conformance", "bulk"})


def known_version() -> str:
    """The version of the server that is installed, whose client has the same, or of the client alone."""
    for name in (SERVER, CLIENT):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "0+unknown"  # run from a source tree that was never installed


def how_to_install(extra: str = "") -> str:
    """The command that installs the packages of an extra, from where tieback itself was installed.

    Without an extra, the server. Where the source is not known, SOURCE stands for it.
    """
    name = CLIENT if extra in OF_THE_CLIENT else SERVER
    source = _source(name)
    wanted = f"{name}[{extra}]" if extra else name
    command = f"python -m pip install '{wanted} @ {source or 'SOURCE'}'"
    if source:
        return command
    return f"{command}, where SOURCE is file:// and the wheel or the source of tieback, or git+ and its URL"


def _source(name: str) -> str:
    """What pip has noted when it installed from a folder, a file or a repository; empty where it has not."""
    try:
        noted = distribution(name).read_text("direct_url.json")
    except PackageNotFoundError:
        return ""
    if noted is None:
        return ""
    known = json.loads(noted)
    version_control = known.get("vcs_info", {}).get("vcs", "")
    inside = f"#subdirectory={FOLDER}" if name == CLIENT else ""
    return f"{version_control}+{known['url']}{inside}" if version_control else str(known["url"])
