"""Point clouds in files, as the SDK and the command line read them."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from support.each import each
from tieback_client import InvalidArgument, Points
from tieback_client.values.clouds import cloud_of
from tieback_client.values.content import content_of, modality_of_path
from tieback_contract.modality import Modality

CLOUD = np.array([[0, 0, 0], [1, 0.5, -2], [3, 4, 5]], np.float32)
PROPERTIES = "property float x\nproperty float y\nproperty float z\nproperty uchar red\n"


def npy(array: np.ndarray, **how: bool) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **how)
    return buffer.getvalue()


def ply(form: str, body: bytes, *, count: int = 3, head: str = PROPERTIES) -> bytes:
    return (
        f"ply\nformat {form} 1.0\ncomment made small\nelement vertex {count}\n{head}end_header\n".encode()
        + body
    )


FACES = "element face 1\nproperty list uchar int v\n"
BINARY = b"".join(struct.pack("<fffB", *row, 7) for row in CLOUD.tolist())
LINES = "".join(f"{x} {y} {z} 7\n" for x, y, z in CLOUD.tolist()).encode()


@each("suffix, data", [
        (".npy", npy(CLOUD)),
        (".npy", npy(CLOUD.astype(np.float64))),
        (".ply", ply("ascii", LINES)),
        (".ply", ply("binary_little_endian", BINARY)),
        (".ply", ply("binary_little_endian", BINARY).replace(b"\n", b"\r\n", 8)),
        (".ply", ply("ascii", LINES + b"3 0 1 2\n", head=PROPERTIES + FACES)),
        (".xyz", LINES),
        (".txt", b"# three\nx y z\n" + LINES),
        (".csv", b"x,y,z\n0,0,0\n1;0.5;-2\n3,\t4,5\n"),
    ])  # fmt: skip
def test_a_file_of_points_is_read_whatever_it_says_besides(suffix: str, data: bytes) -> None:
    points = cloud_of(data, suffix)

    assert points.dtype == np.float32
    assert np.array_equal(points, CLOUD)


@each(
    "suffix, data, fault",
    [
        (".npy", b"no array", "no .npy of numbers"),
        (".npy", npy(np.array([{}], object), allow_pickle=True), "no .npy of numbers"),
        (".npy", npy(np.zeros((4, 2))), r"shape \[points, 3\], not \[4, 2\]"),
        (".npy", npy(np.zeros((4, 3), complex)), "real numbers"),
        (".npy", npy(np.zeros((0, 3))), "no points"),
        (".npy", npy(np.array([[0, 0, 0], [0, np.nan, 0]])), "point 2 is not finite"),
        (".npy", npy(np.array([[1e300, 0, 0]])), "point 1 is not finite"),
        (".ply", b"solid", "no PLY"),
        (".ply", ply("binary_big_endian", BINARY), "binary_big_endian; ascii and binary_little_endian"),
        (".ply", ply("binary_little_endian", BINARY[:-1]), "ends before its 3 vertices"),
        (".ply", ply("ascii", LINES, count=4), "ends before its 4 vertices"),
        (".ply", ply("ascii", b"0 0\n" * 3), "vertex 1 of this PLY"),
        (".ply", ply("ascii", LINES, head="property float x\nproperty float y\n"), "have no z"),
        (".ply", ply("ascii", LINES, head="property quad x\n"), "says nothing known: 'property quad x'"),
        (".xyz", b"0 0 0\n1 2\n", "line 2 holds 2 numbers"),
        (".xyz", b"0 0 0\none two three\n", "line 2 holds 'one two three'"),
        (".xyz", b"\xff\xfe", "no text"),
        (".stl", b"solid", "known are .csv, .npy, .ply"),
    ],
)
def test_a_file_that_is_no_cloud_says_what_is_wrong(suffix: str, data: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        cloud_of(data, suffix)


def test_a_path_is_a_cloud_by_its_suffix_and_a_fault_names_the_file(tmp_path: Path) -> None:
    np.save(tmp_path / "mug.npy", CLOUD)
    (tmp_path / "broken.ply").write_bytes(b"ply")

    content = content_of(tmp_path / "mug.npy")

    assert isinstance(content, Points)
    assert np.array_equal(content.coordinates, CLOUD)
    assert modality_of_path(Path("mug.PLY")) is Modality.POINTS
    assert modality_of_path(Path("notes.txt")) is Modality.TEXT
    with pytest.raises(InvalidArgument, match=r"broken\.ply is no point cloud: it is no PLY"):
        Points.from_file(tmp_path / "broken.ply")
    with pytest.raises(InvalidArgument, match="cannot read"):
        content_of(tmp_path / "nowhere.xyz")


def test_a_header_that_ends_in_the_middle_is_a_fault_of_the_file() -> None:
    broken = npy(CLOUD).replace(b"'shape': (3, 3)", b"'shape': ((((3", 1)

    with pytest.raises(ValueError, match=r"no \.npy of numbers") as caught:
        cloud_of(broken, ".npy")

    assert type(caught.value) is ValueError


def test_a_coordinate_of_a_binary_file_that_is_no_number_is_named_and_nothing_else_is_said() -> None:
    signalling = struct.pack("<I", 0x7F800001)  # converting this NaN is a floating-point fault

    with pytest.raises(ValueError, match="point 1 is not finite"):
        cloud_of(ply("binary_little_endian", signalling + BINARY[4:]), ".ply")
