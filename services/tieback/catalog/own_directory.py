"""The user's own folder of weights: which files count, and which ways out of it are closed.

What lies in such a folder was written by others. So links that lead out of it are refused, names are looked
up among what was listed, and what is parsed as JSON has a largest size. Hidden files do not count: version
control and downloaders keep their own things there.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tieback.catalog.source import short_hash
from tieback.core.errors import StartupError

READ_BYTES = 1 << 20
MOST_FILES = 2000
LARGEST_JSON = 4 << 20  # bytes; a configuration with a thousand class names has 60 KB
LARGEST_TOKENIZER = 64 << 20  # bytes; the largest in use, of 250,000 words, has 17 MB
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
SHOWN = 12


def own_files(directory: Path) -> dict[str, Path]:
    """The folder's files by their names within it (`onnx/model.onnx`), sorted.

    StartupError where a link leads out of the folder, or where there are so many files that it can be no
    model's.
    """
    root = directory.resolve()
    found: dict[str, Path] = {}
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in (*folders, *names):
            path = Path(folder, name)
            if path.is_symlink():
                _refuse_way_out(path, root)
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith(".") and path.is_file():
                found[path.relative_to(root).as_posix()] = path
        if len(found) > MOST_FILES:
            raise StartupError(
                f"{directory} has more than {MOST_FILES} files, which is no model's folder; "
                "name the folder that the weights lie in"
            )
    return dict(sorted(found.items()))


def own_file(directory: Path, name: str, *, largest: int | None = None) -> Path:
    """One of the folder's files.

    StartupError, with what there is, where it is missing; with the way to convert it where it is a pickle;
    and where it has more than `largest` bytes.
    """
    files = own_files(directory)
    if name not in files:
        pickles = [other for other in files if other.endswith(PICKLES)]
        hint = f". {how_to_convert(directory, pickles[0])}" if pickles and _is_weights(name) else ""
        raise StartupError(f"{directory.name} has no file {name}; {_listing(files)}{hint}")
    size = files[name].stat().st_size
    if largest is not None and size > largest:
        raise StartupError(
            f"{name} has {size} bytes, and one that is read has at most {largest}; "
            "see that it is the file it is named for"
        )
    return files[name]


def read_json(directory: Path, name: str) -> Any:
    """A JSON file of the folder. StartupError where it is missing, too large or no JSON."""
    path = own_file(directory, name, largest=LARGEST_JSON)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StartupError(f"{name} is not JSON that can be read: {error}") from None


def read_object(directory: Path, name: str) -> dict[str, Any]:
    """`read_json`, of a file that holds an object."""
    data = read_json(directory, name)
    if not isinstance(data, dict):
        raise StartupError(f"{name} holds a {type(data).__name__} where a JSON object is expected")
    return data


def how_to_convert(directory: Path, name: str) -> str:
    """What to do about weights in a pickle."""
    return (
        f"{name} is a pickle, which runs code when it is read, and is not opened here. Where you trust it, "
        f"convert it once: python -c \"from transformers import AutoModel; m = '{directory}'; "
        'AutoModel.from_pretrained(m).save_pretrained(m)"'
    )


@functools.cache
def directory_hashes(directory: Path) -> Mapping[str, str]:
    """Each file's SHA-256, once a process: weights are not followed while a server runs."""
    hashes = {}
    for name, path in own_files(directory).items():
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(READ_BYTES):
                digest.update(block)
        hashes[name] = digest.hexdigest()
    return hashes


def directory_revision(directory: Path) -> str:
    """Names the folder's bytes: changes when any of them does."""
    return short_hash(*(f"{name} {digest}" for name, digest in directory_hashes(directory).items()))


def check_hashes(directory: Path, expected: Mapping[str, str]) -> None:
    """StartupError where a file is not the one that the card was written for."""
    found = directory_hashes(directory)
    for name, digest in expected.items():
        if found.get(name) != digest:
            fault = "is missing" if name not in found else "differs from the one the card was written for"
            raise StartupError(
                f"{name} {fault}; if the change is meant, remove the card and write it anew: "
                f"tieback models add {directory}"
            )


def _refuse_way_out(path: Path, root: Path) -> None:
    try:
        inside = path.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):
        raise StartupError(f"{path} is a link that leads nowhere; remove it or put the file there") from None
    if not inside:
        raise StartupError(
            f"{path} is a link that leads out of the folder; copy the folder with what its links point at: "
            f"cp -rL {root} {root.name}-copy"
        )


def _is_weights(name: str) -> bool:
    return name.endswith((".safetensors", ".onnx"))


def _listing(files: Mapping[str, Path]) -> str:
    names = ", ".join(list(files)[:SHOWN]) + (", …" if len(files) > SHOWN else "")
    return f"it has: {names}" if files else "it is empty"
