"""Snapshots on their way to another server: in parts, verified before they are taken in."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
from support.acting import begun
from support.each import each
from support.originals import files, photo
from support.present import present
from support.requests import searched
from support.sections import SPACE, WIDTH, axis, item, section, vector
from tieback.core.errors import (
    AlreadyExists,
    DamagedSnapshot,
    InvalidInput,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    TiebackError,
    Unsupported,
)
from tieback.core.tenant import AccessLevel, Principal, TenantQuota
from tieback.index import Index
from tieback_contract.collections import Snapshot, Source
from tieback_contract.hits import Hit

PART = 1000


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tieback.index.snapshots.transfer.PART_BYTES", PART)


@pytest.fixture
async def index(store: Path) -> AsyncIterator[Index]:
    """An index with a snapshot "first" of a collection with a photo and a source."""
    index = Index.open(store, originals_bytes=1000)
    await index.create_collection("docs", SPACE, WIDTH)
    await index.record_source("docs", Source("books", "laptop", "/books"))
    await index.upsert("docs", [item(f"i{n}", section(axis(n), f"word{n}")) for n in range(9)])
    await index.upsert("docs", [photo("red", b"red")])
    await index.snapshots.create_snapshot("docs", "first")
    yield index
    await index.close()


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Index]:
    """Another server, whose store has nothing."""
    other = Index.open(tmp_path / "other", originals_bytes=1000)
    yield other
    await other.close()


async def found(index: Index) -> Sequence[Hit]:
    return (await searched(index, "docs", vector=vector(1, 0.5, 0, 0), text="word3")).hits


async def exported(index: Index, name: str = "first") -> bytes:
    data, total = b"", 1
    while len(data) < total:
        part = await index.snapshots.export_snapshot(name, len(data))
        assert 0 < len(part.data) <= PART
        data, total = data + part.data, part.total
    return data


async def imported(index: Index, data: bytes, name: str = "moved") -> Snapshot:
    made = None
    for offset in range(0, max(len(data), 1), PART):
        last = offset + PART >= len(data)
        received, made = await index.snapshots.import_snapshot(
            name, offset, data[offset : offset + PART], last=last
        )
        assert received == min(offset + PART, len(data))
        assert (made is not None) == last
    return present(made)


async def refusal(index: Index, data: bytes) -> TiebackError:
    """Why it is not taken in; nothing of it is left."""
    with pytest.raises(TiebackError) as caught:
        await imported(index, data)
    assert (await index.snapshots.list_snapshots())[0] == []
    store = index._store.directory
    assert list((store / "making").iterdir()) == []
    assert [path for path in (store / "snapshots").rglob("*") if path.is_file()] == []
    return caught.value


async def test_an_exported_snapshot_is_imported_and_restored_by_another_server(
    index: Index, other: Index, tmp_path: Path
) -> None:
    data = await exported(index)
    assert len(data) > 3 * PART

    made = await imported(other, data)
    restored = await other.snapshots.restore_snapshot("moved", "docs")

    first = (await index.snapshots.list_snapshots())[0][0]
    assert (made.name, made.collection, made.item_count) == ("moved", "docs", 10)
    assert (made.byte_count, made.created, made.version) == (first.byte_count, first.created, first.version)
    assert restored.item_count == 10
    assert await found(other) == await found(index)
    assert await other.list_items("docs") == await index.list_items("docs")
    assert (await other.get_collection("docs")).sources[0].location == "/books"
    assert files(tmp_path / "other") == [b"red"]
    assert list((tmp_path / "other" / "making").iterdir()) == []


async def test_an_export_is_a_tar_file_with_the_manifest_first_and_no_path_of_the_server(
    index: Index, store: Path
) -> None:
    data = await exported(index)

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        names = archive.getnames()
        manifest = json.load(present(archive.extractfile("manifest.json")))
        digests = {
            name: hashlib.sha256(present(archive.extractfile(name)).read()).hexdigest() for name in names[1:]
        }

    assert names[0] == "manifest.json"
    assert digests == {file["name"]: file["sha256"] for file in manifest["content"]["files"]}
    assert str(store).encode() not in data
    assert await exported(index) == data
    assert (await index.snapshots.export_snapshot("first", len(data))).data == b""


def places(data: bytes) -> Iterator[int]:
    """Bytes of headers and of contents: all that counts in an archive."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            yield from (member.offset, member.offset + 130, member.offset + 400)
            yield from (member.offset_data, member.offset_data + member.size - 1)


async def test_one_byte_that_changed_is_enough_to_refuse_it(index: Index, other: Index) -> None:
    data = await exported(index)

    for place in places(data):
        changed = bytearray(data)
        changed[place] ^= 0x40
        assert isinstance(await refusal(other, bytes(changed)), DamagedSnapshot), place

    assert (await imported(other, data)).item_count == 10


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def hostile() -> dict[str, bytes]:
    link = tarfile.TarInfo("manifest.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    huge = tarfile.TarInfo("manifest.json")
    huge.size, huge.mode = 10**15, 0o600
    plain = tarfile.TarInfo("manifest.json")
    plain.mode = 0o600
    return {
        "nothing": b"",
        "no tar": b"no tar file at all " * 200,
        "zeros": bytes(4096),
        "a path upwards": tar((tarfile.TarInfo("../../evil"), b"evil")),
        "an absolute path": tar((tarfile.TarInfo("/tmp/evil"), b"evil")),
        "a link": tar((link, b"")),
        "no manifest": tar((plain, b"{}")),
        "a manifest of a petabyte": huge.tobuf(tarfile.GNU_FORMAT),
    }


@each("what", hostile())
async def test_what_no_export_wrote_is_refused(other: Index, what: str) -> None:
    error = await refusal(other, hostile()[what])

    assert error.reason in ("SNAPSHOT_DAMAGED", "STORAGE_FULL")


async def test_what_is_cut_short_or_has_more_than_it_should_is_refused(index: Index, other: Index) -> None:
    data = await exported(index)

    for changed in (data[:-1], data[:-1024], data[:700], data + b"\0", data + data):
        assert isinstance(await refusal(other, changed), DamagedSnapshot)


async def test_another_format_is_told_with_what_reads_it(index: Index, other: Index) -> None:
    data = await exported(index)

    error = await refusal(other, data.replace(b'"format": 1', b'"format": 2', 1))

    assert isinstance(error, Unsupported)


async def test_a_part_that_is_sent_again_does_no_harm_and_one_that_is_missing_is_told(
    index: Index, other: Index
) -> None:
    data = await exported(index)
    with pytest.raises(InvalidInput, match="begin with the first bytes") as caught:
        await other.snapshots.import_snapshot("moved", PART, data[PART : 2 * PART], last=False)
    assert str(caught.value.field) == "offset"

    for offset in (0, PART, PART, 0):
        await other.snapshots.import_snapshot("moved", offset, data[offset : offset + PART], last=False)
    with pytest.raises(InvalidInput, match="1,000 bytes are there: go on at that offset") as caught:
        await other.snapshots.import_snapshot("moved", 2 * PART, data[2 * PART : 3 * PART], last=False)
    assert str(caught.value.field) == "offset"
    with pytest.raises(InvalidInput, match="no import of 'another' is under way"):
        await other.snapshots.import_snapshot("another", PART, b"", last=False)

    await other.snapshots.import_snapshot("moved", PART, data[PART : 2 * PART], last=False)
    rest = data[2 * PART :]
    _, first = await other.snapshots.import_snapshot("moved", 2 * PART, rest, last=True)
    received, again = await other.snapshots.import_snapshot("moved", 2 * PART, rest, last=True)
    assert first == again == (await other.snapshots.list_snapshots())[0][0]
    assert received == len(data)


async def test_an_import_in_one_part_may_be_sent_again_and_is_made_again_after_a_deletion(
    index: Index, other: Index
) -> None:
    data = await exported(index)
    for _ in range(2):
        made = [(await other.snapshots.import_snapshot("moved", 0, data, last=True))[1] for _ in range(2)]
        assert made == [made[0], made[0]]

        await other.snapshots.delete_snapshot("moved")

        assert (await other.snapshots.list_snapshots())[0] == []


async def test_a_name_that_another_snapshot_has_is_not_taken(index: Index) -> None:
    data = await exported(index)
    await index.upsert("docs", [item("later")])
    await index.snapshots.create_snapshot("docs", "second")

    with pytest.raises(AlreadyExists):
        await index.snapshots.import_snapshot("second", 0, data[:PART], last=False)
    with pytest.raises(AlreadyExists):
        await index.snapshots.import_snapshot("second", 0, data, last=True)

    assert [one.item_count for one in (await index.snapshots.list_snapshots())[0]] == [10, 11]


async def test_an_import_counts_in_the_quota_part_by_part(index: Index, other: Index) -> None:
    data = await exported(index)
    small = Principal("acme", quota=TenantQuota(bytes=2 * PART + 1))

    with pytest.raises(QuotaExceeded):
        await begun(small, imported(other, data))

    assert (await begun(small, other.get_usage())).byte_count == 0
    await begun(Principal("acme", quota=TenantQuota(bytes=len(data))), imported(other, data))
    assert 0 < (await begun(small, other.get_usage())).byte_count < len(data)


async def test_a_start_removes_an_import_that_was_not_finished(index: Index, tmp_path: Path) -> None:
    data = await exported(index)
    other = Index.open(tmp_path / "other")
    await other.snapshots.import_snapshot("moved", 0, data[:PART], last=False)
    assert len(list((tmp_path / "other" / "making").iterdir())) == 1
    await other.close()

    again = Index.open(tmp_path / "other")

    assert list((tmp_path / "other" / "making").iterdir()) == []
    with pytest.raises(InvalidInput):
        await again.snapshots.import_snapshot("moved", PART, data[PART:], last=True)
    await again.close()


async def test_snapshots_are_moved_by_their_tenant_with_the_role_admin(index: Index) -> None:
    data = await exported(index)
    for access in (AccessLevel.READ, AccessLevel.WRITE):
        for work in (
            index.snapshots.export_snapshot("first", 0),
            index.snapshots.import_snapshot("moved", 0, data, last=True),
        ):
            with pytest.raises(PermissionDenied, match="needs the role admin"):
                await begun(Principal("", access), work)

    with pytest.raises(NotFound, match="no snapshot is named 'first'; there are none yet"):
        await begun(Principal("acme"), index.snapshots.export_snapshot("first", 0))
    await begun(Principal("acme"), imported(index, data, "first"))

    assert [one.name for one in (await begun(Principal("acme"), index.snapshots.list_snapshots()))[0]] == [
        "first"
    ]
    await begun(Principal("acme"), index.snapshots.restore_snapshot("first", "docs"))
    assert (await begun(Principal("acme"), index.get_collection("docs"))).item_count == 10


@pytest.mark.parametrize("offset", [10**7, 2**64 - 1])
async def test_an_offset_past_the_end_is_told_with_its_field(index: Index, offset: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        await index.snapshots.export_snapshot("first", offset)

    assert str(caught.value.field) == "offset"


async def test_a_damaged_snapshot_is_not_exported_to_its_end(index: Index, store: Path) -> None:
    for path in (store / "snapshots" / "_" / "first" / "table" / "data").iterdir():
        path.unlink()

    with pytest.raises(DamagedSnapshot):
        await exported(index)
