"""Snapshots of collections: made, listed, restored, deleted, and moved from server to server."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from tieback.v1 import index_pb2
from tieback_contract.collections import Snapshot

from tieback_client.errors import InternalError
from tieback_client.messages import reading, writing
from tieback_client.transport.paging import Page, Pages
from tieback_client.transport.rpc import RPCS, Procedure, UnaryCall
from tieback_client.transport.surface import pages, unary
from tieback_client.values.documents import Collection

_PART_BYTES = 2 * 1024 * 1024


def snapshot(collection: str, name: str, *, timeout: float | None = None) -> Procedure[Snapshot]:
    """Keeps a collection as it is now, with every write that was acknowledged, under a name of its own.

    Searches and writes go on meanwhile. A large collection takes longer than the usual `timeout`: the server
    goes on after it, and the same call again waits for it. `AlreadyExists` where the name is taken, unless by
    a snapshot of the collection exactly as it is.
    """
    request = index_pb2.CreateSnapshotRequest(
        collection=writing.text(collection, "collection"), name=writing.text(name, "name")
    )
    reply = yield UnaryCall(RPCS["CreateSnapshot"], request, timeout)
    return reading.snapshot(reply.message.snapshot)


def snapshots(*, page_size: int = 0, timeout: float | None = None) -> Pages[Snapshot]:
    """All snapshots of this tenant by name, page after page as they are read."""

    def fetch(token: str) -> Procedure[Page[Snapshot]]:
        request = index_pb2.ListSnapshotsRequest(page_size=page_size, page_token=token)
        reply = yield UnaryCall(RPCS["ListSnapshots"], request, timeout)
        found = [reading.snapshot(one) for one in reply.message.snapshots]
        return Page(found, reply.message.next_page_token)

    return Pages(fetch)


def restore(
    snapshot: str, collection: str, *, any_space: bool = False, timeout: float | None = None
) -> Procedure[Collection]:
    """Makes a new collection of a snapshot, after the server has read and verified all its files.

    As with `snapshot`, the server goes on after the `timeout`. `AlreadyExists` where the collection's name is
    taken, unless by exactly what the snapshot holds; `FailedPrecondition` where a file is damaged;
    `Unimplemented` where another version of tieback has to read it. `NotFound` where its space is not served:
    with `any_space`, it is restored all the same, and found by words and by vectors of your own.
    """
    request = index_pb2.RestoreSnapshotRequest(
        snapshot=writing.text(snapshot, "snapshot"),
        collection=writing.text(collection, "collection"),
        any_space=any_space,
    )
    reply = yield UnaryCall(RPCS["RestoreSnapshot"], request, timeout)
    return reading.collection(reply.message.collection)


def delete_snapshot(name: str, *, timeout: float | None = None) -> Procedure[None]:
    """Removes a snapshot, durably. Collections that were restored from it stay."""
    request = index_pb2.DeleteSnapshotRequest(name=writing.text(name, "name"))
    yield UnaryCall(RPCS["DeleteSnapshot"], request, timeout)


def export_snapshot(name: str, path: str | PathLike[str], *, timeout: float | None = None) -> Procedure[int]:
    """Writes a snapshot into a file, part by part, and returns the file's bytes.

    `import_snapshot` takes the file, on this server or on another. It is a tar file with everything of the
    collection, and the pictures and sounds that were kept: protect it as you protect the server. `timeout` is
    for each part. A file that is there is replaced once the new one is whole.
    """
    target = Path(path)
    partial = target.with_name(f"{target.name}.partial")
    partial.touch(mode=0o600)
    size, total = 0, 1
    try:
        with partial.open("wb") as file:
            while size < total:
                request = index_pb2.ExportSnapshotRequest(name=writing.text(name, "name"), offset=size)
                reply = yield UnaryCall(RPCS["ExportSnapshot"], request, timeout)
                total = reply.message.total_bytes
                if not reply.message.data:
                    raise InternalError(f"the server ended the export after {size} of {total} bytes")
                size += file.write(reply.message.data)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return size


def import_snapshot(
    path: str | PathLike[str], name: str, *, timeout: float | None = None
) -> Procedure[Snapshot]:
    """Makes a snapshot of a file that `export_snapshot` wrote, once the server has verified all of it.

    `timeout` is for each part; the last one includes the time to verify the file. `FailedPrecondition` where
    the file is not what was exported; `AlreadyExists` where the name is that of another snapshot.
    """
    with Path(path).open("rb") as file:
        data = file.read(_PART_BYTES)
        offset = 0
        while True:
            following = file.read(_PART_BYTES)
            request = index_pb2.ImportSnapshotRequest(
                name=writing.text(name, "name"), offset=offset, data=data, last=not following
            )
            reply = yield UnaryCall(RPCS["ImportSnapshot"], request, timeout)
            if not following:
                return reading.snapshot(reply.message.snapshot)
            offset, data = offset + len(data), following


class SnapshotsMethods:
    """The methods of both clients."""

    snapshot = unary(snapshot)
    snapshots = pages(snapshots)
    restore = unary(restore)
    delete_snapshot = unary(delete_snapshot)
    export_snapshot = unary(export_snapshot)
    import_snapshot = unary(import_snapshot)
