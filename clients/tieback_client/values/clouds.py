"""Point clouds in files: `.npy` of an array `[points, 3]`, `.ply`, and numbers line by line.

What a file has besides the places of its points (colours, normals, faces) is passed over.
"""

from __future__ import annotations

import io
import tokenize
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array

CLOUD_SUFFIXES = frozenset({".npy", ".ply", ".xyz"})
"""Files that hold a point cloud and nothing else."""
TABLE_SUFFIXES = frozenset({".xyz", ".txt", ".csv"})
"""Files of numbers, the first three of a line being a point's."""

MOST_BYTES = 64 << 20
AXES = ("x", "y", "z")
PLY_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
# What NumPy raises on headers, which it reads as Python source.
NPY_FAULTS = (ValueError, EOFError, OSError, MemoryError, SyntaxError, TypeError, KeyError, RecursionError)
END_OF_HEADER = b"end_header\n"
LONGEST_HEADER = 64 << 10


def read_cloud(path: Path) -> Array:
    """The points of a file, `[points, 3]` in float32, all finite. ValueError names what is wrong with it.

    OSError where it cannot be read.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"it has {size:,} bytes, and a cloud may have {MOST_BYTES:,}; sample its points")
    return cloud_of(path.read_bytes(), path.suffix.lower())


def cloud_of(data: bytes, suffix: str) -> Array:
    """The points of a file's bytes, as `read_cloud`, by the suffix of its name."""
    with np.errstate(all="ignore"):  # what is no number is refused below
        points = np.ascontiguousarray(_read(data, suffix), np.float32)
    if not len(points):
        raise ValueError("it holds no points")
    if not np.isfinite(points).all():
        place = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise ValueError(f"point {place + 1} is not finite")
    return points


def _read(data: bytes, suffix: str) -> Array:
    if suffix == ".npy":
        return _of_npy(data)
    if suffix == ".ply":
        return _of_ply(data)
    if suffix in TABLE_SUFFIXES:
        return _of_table(data)
    known = ", ".join(sorted(CLOUD_SUFFIXES | TABLE_SUFFIXES))
    raise ValueError(f"its suffix {suffix!r} is not that of a point cloud; known are {known}")


def _of_npy(data: bytes) -> Array:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            points = np.load(io.BytesIO(data), allow_pickle=False)
    except (*NPY_FAULTS, tokenize.TokenError) as error:
        raise ValueError(f"it is no .npy of numbers: {error}") from None
    if not isinstance(points, np.ndarray) or points.ndim != 2 or points.shape[1] != len(AXES):
        shape = list(points.shape) if isinstance(points, np.ndarray) else "several arrays"
        raise ValueError(f"an array of points has the shape [points, 3], not {shape}")
    if points.dtype.kind not in "fiu":
        raise ValueError(f"points are real numbers, not {points.dtype}")
    return points


def _of_table(data: bytes) -> Array:
    """Numbers apart by spaces, commas or semicolons; a first line of names, and what follows #, is none."""
    rows: list[list[float]] = []
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is no text") from None
    first = True
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].replace(",", " ").replace(";", " ").split()
        if not words:
            continue
        try:
            rows.append([float(word) for word in words[: len(AXES)]])
        except ValueError:
            if not first:
                raise ValueError(f"line {number} holds {line.strip()[:40]!r}, which are no numbers") from None
        else:
            if len(words) < len(AXES):
                raise ValueError(f"line {number} holds {len(words)} numbers; a point has {len(AXES)}")
        first = False
    return np.array(rows, np.float64).reshape(-1, len(AXES))


@dataclass(slots=True)
class _Element:
    """An element of a PLY header: the number of its items, and their properties in order."""

    name: str
    count: int
    types: list[str]
    names: list[str]
    listed: bool = False


def _of_ply(data: bytes) -> Array:
    """The vertices (Turk, The PLY Polygon File Format, 1994), in ASCII or little-endian binary."""
    end = data.find(END_OF_HEADER, 0, LONGEST_HEADER)
    if not data.startswith(b"ply") or end < 0:
        end = data.find(b"end_header\r\n", 0, LONGEST_HEADER)
        if not data.startswith(b"ply") or end < 0:
            raise ValueError("it is no PLY: it lacks the header from ply to end_header")
    head = data[:end].decode("ascii", errors="replace")
    body = data[data.index(b"\n", end) + 1 :]
    form, elements = _header(head)
    place = next((n for n, one in enumerate(elements) if one.name == "vertex"), None)
    if place is None:
        raise ValueError("this PLY has no vertices")
    vertex = elements[place]
    missing = [axis for axis in AXES if axis not in vertex.names]
    if missing or vertex.listed:
        raise ValueError(f"this PLY's vertices have no {missing[0] if missing else 'fixed size'}")
    before = elements[:place]
    if form == "ascii":
        return _ascii(body, sum(one.count for one in before), vertex)
    if any(one.listed for one in before):
        raise ValueError("this PLY has lists before its vertices; write the vertices first")
    skipped = sum(one.count * _layout(one).itemsize for one in before)
    layout = _layout(vertex)
    if len(body) < skipped + vertex.count * layout.itemsize:
        raise ValueError(f"this PLY ends before its {vertex.count} vertices do")
    rows = np.frombuffer(body, layout, vertex.count, skipped)
    return np.stack([rows[axis].astype(np.float64) for axis in AXES], axis=1)


def _header(head: str) -> tuple[str, list[_Element]]:
    form, elements = "", list[_Element]()
    for line in head.splitlines()[1:]:
        words = line.split()
        match words:
            case ["format", found, _]:
                form = found
            case ["element", name, count] if count.isdecimal():
                elements.append(_Element(name, int(count), [], []))
            case ["property", "list", _, _, name] if elements:
                elements[-1].listed = True
                elements[-1].names.append(name)
            case ["property", kind, name] if elements and kind in PLY_TYPES:
                elements[-1].types.append(PLY_TYPES[kind])
                elements[-1].names.append(name)
            case ["comment" | "obj_info", *_] | []:
                continue
            case _:
                raise ValueError(f"this PLY's header has a line that says nothing known: {line[:60]!r}")
    if form not in ("ascii", "binary_little_endian"):
        raise ValueError(
            f"this PLY is {form or 'of no format'}; ascii and binary_little_endian can be read, so write it "
            "as one of those"
        )
    return form, elements


def _layout(element: _Element) -> np.dtype[np.void]:
    if len(set(element.names)) < len(element.names):
        raise ValueError(f"this PLY names a property of its {element.name} twice")
    return np.dtype([(name, f"<{kind}") for name, kind in zip(element.names, element.types, strict=True)])


def _ascii(body: bytes, skipped: int, vertex: _Element) -> Array:
    lines = body.decode("ascii", errors="replace").splitlines()[skipped : skipped + vertex.count]
    if len(lines) < vertex.count:
        raise ValueError(f"this PLY ends before its {vertex.count} vertices do")
    places = [vertex.names.index(axis) for axis in AXES]
    rows = np.empty((len(lines), len(AXES)), np.float64)
    for number, line in enumerate(lines):
        words = line.split()
        try:
            rows[number] = [float(words[place]) for place in places]
        except (ValueError, IndexError):
            raise ValueError(f"vertex {number + 1} of this PLY is {line[:40]!r}, which is no point") from None
    return rows
