"""Every procedure of the clients, without a transport.

A function here has the signature and the docstring that users see. It is a generator that yields the calls to
make, is sent the replies, and returns the result (`rpc.Procedure`); or it returns a description of a stream,
of pages or of an exchange. `client` and `async_client` turn each into a method.
"""

from tieback_client.procedures.answering import answer, generate, ingest, retrieve
from tieback_client.procedures.checking import check, check_all
from tieback_client.procedures.demonstrations import (
    delete_demonstration,
    demonstrations,
    put_demonstration,
)
from tieback_client.procedures.encoding import encode, encode_stream, fuse, rerank
from tieback_client.procedures.heads import delete_head, fit_head, head, heads, predict
from tieback_client.procedures.index import (
    collections,
    create_collection,
    delete,
    delete_collection,
    delete_source,
    get,
    get_collection,
    items,
    original,
    record_source,
    search,
    update_collection,
    upsert,
    usage,
)
from tieback_client.procedures.operations import (
    cancel_operation,
    delete_operation,
    operation,
    operations,
    plan_upgrade,
    reindex,
    wait_operation,
)
from tieback_client.procedures.recognition import recognise
from tieback_client.procedures.server import (
    checkers,
    endpoints,
    health,
    methods,
    models,
    recognisers,
    rerankers,
    server_info,
    space,
    spaces,
)
from tieback_client.procedures.snapshots import (
    delete_snapshot,
    export_snapshot,
    import_snapshot,
    restore,
    snapshot,
    snapshots,
)
from tieback_client.procedures.splitting import split
from tieback_client.procedures.upgrades import (
    finish_upgrade,
    pause_upgrade,
    resume_upgrade,
    rollback_upgrade,
    upgrade,
    upgrade_report,
)

__all__ = [
    "answer",
    "cancel_operation",
    "check",
    "check_all",
    "checkers",
    "collections",
    "create_collection",
    "delete",
    "delete_collection",
    "delete_demonstration",
    "delete_head",
    "delete_operation",
    "delete_snapshot",
    "delete_source",
    "demonstrations",
    "encode",
    "encode_stream",
    "endpoints",
    "export_snapshot",
    "finish_upgrade",
    "fit_head",
    "fuse",
    "generate",
    "get",
    "get_collection",
    "head",
    "heads",
    "health",
    "import_snapshot",
    "ingest",
    "items",
    "methods",
    "models",
    "operation",
    "operations",
    "original",
    "pause_upgrade",
    "plan_upgrade",
    "predict",
    "put_demonstration",
    "recognise",
    "recognisers",
    "record_source",
    "reindex",
    "rerank",
    "rerankers",
    "restore",
    "resume_upgrade",
    "retrieve",
    "rollback_upgrade",
    "search",
    "server_info",
    "snapshot",
    "snapshots",
    "space",
    "spaces",
    "split",
    "update_collection",
    "upgrade",
    "upgrade_report",
    "upsert",
    "usage",
    "wait_operation",
]
