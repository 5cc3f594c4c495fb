"""Tenants on one platform, over the wire: what each sees, may and is told, in every RPC of the pipeline."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from support.each import each
from support.local_platform import Running, served_locally
from support.tenants import write_tokens
from tieback.serving.settings import Settings
from tieback.v1 import answer_pb2, index_pb2, operation_pb2
from tieback_client import (
    Access,
    Client,
    InvalidArgument,
    Item,
    NotFound,
    PermissionDenied,
    QueryOptions,
    QuotaExceeded,
    RateExceeded,
    Retry,
    SamplingParameters,
    Section,
    TiebackError,
    Unauthenticated,
)
from tieback_client.cli import app

SPACE = "all-minilm-l6-v2"
HANDBOOK = [
    Item("tides", "The gravity of the moon pulls the sea and makes the tides."),
    Item("bread", "Bread is made from flour, water, salt and yeast."),
]
BRIEF = SamplingParameters(max_tokens=8)

Asked = Callable[[Client, str], Any]
CASES: dict[str, Asked] = {
    "GetCollection": lambda client, name: client.get_collection(name),
    "UpdateCollection": lambda client, name: client.update_collection(name, plan=QueryOptions(hybrid=False)),
    "DeleteCollection": lambda client, name: client.delete_collection(name),
    "RecordSource": lambda client, name: client.record_source(name, "s", host="h", location="/s"),
    "DeleteSource": lambda client, name: client.delete_source(name, "s"),
    "CreateSnapshot": lambda client, name: client.snapshot(name, "backup"),
    "UpsertItems": lambda client, name: client.upsert(name, [with_vector(client)]).collect(),
    "DeleteItems": lambda client, name: client.delete(name, "tides"),
    "GetItem": lambda client, name: client.get(name, "tides"),
    "GetOriginal": lambda client, name: client.original(name, "tides", "1"),
    "ListItems": lambda client, name: list(client.items(name)),
    "CountItems": lambda client, name: client.count(name),
    "StartReindex": lambda client, name: client.reindex(name, space="wordllama-256"),
    "PlanUpgrade": lambda client, name: client.plan_upgrade(name, space="wordllama-256"),
    "StartUpgrade": lambda client, name: client.upgrade(name, space="wordllama-256"),
    "PauseUpgrade": lambda client, name: client.pause_upgrade(name),
    "ResumeUpgrade": lambda client, name: client.resume_upgrade(name),
    "RollbackUpgrade": lambda client, name: client.rollback_upgrade(name),
    "GetUpgradeReport": lambda client, name: client.upgrade_report(name),
    "FinishUpgrade": lambda client, name: client.finish_upgrade(name),
    "Search": lambda client, name: client.search(name, text="moon"),
    "Retrieve": lambda client, name: client.retrieve(name, "the moon"),
    "Answer": lambda client, name: client.answer(name, "What makes tides?", sampling=BRIEF).collect(),
}
# Of these, two make what is not there and the others name no collection.
OTHERS = {"IngestItems", "CreateCollection", "ListCollections", "GetUsage"}
OTHERS |= {"ListSnapshots", "RestoreSnapshot", "DeleteSnapshot", "ExportSnapshot", "ImportSnapshot"}


def with_vector(client: Client) -> Item:
    [encoding] = client.encode(["a text"], space=SPACE)
    return Item("new", [Section("a text", vector=encoding.vector)])


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("tenants")
    tokens = write_tokens(
        folder / "tokens",
        {
            "acme": {"acme-admin": "admin", "acme-write": "write", "acme-read": "read"},
            "globex": {"globex-admin": "admin"},
            "small": {"small-admin": "admin"},
            "slow": {"slow-admin": "admin"},
        },
        globex={"shared": {"handbook": {"acme": "read"}}},
        small={"quota": {"items": 1, "collections": 2}},
        slow={"quota": {"tokens_per_second": 1}},
    )
    settings = Settings(
        store=folder / "store",
        port=0,
        metrics_port=None,
        tokens=tokens,
        drain_seconds=1,
        spaces=(SPACE, "wordllama-256"),
    )
    with served_locally(settings) as running:
        with Client(running.address, token="globex-admin", timeout=60) as client:
            for name in ("handbook", "secret"):
                client.ingest(name, HANDBOOK).collect()
        yield running


@pytest.fixture
def as_(platform: Running) -> Iterator[Callable[[str], Client]]:
    made: list[Client] = []

    def client(token: str) -> Client:
        made.append(Client(platform.address, token=token, timeout=60, retry=Retry(overloads=False)))
        return made[-1]

    yield client
    for one in made:
        one.close()


def error_of(work: Callable[[], Any]) -> TiebackError:
    with pytest.raises(TiebackError) as caught:
        work()
    return caught.value


def test_every_rpc_that_names_a_collection_is_tried() -> None:
    services = (
        index_pb2.DESCRIPTOR.services_by_name["IndexService"],
        answer_pb2.DESCRIPTOR.services_by_name["AnswerService"],
        operation_pb2.DESCRIPTOR.services_by_name["OperationService"],
    )

    assert {method.name for one in services for method in one.methods} == (CASES.keys() | OTHERS)


@each("rpc", CASES)
def test_another_tenants_collection_is_not_found_in_the_words_of_one_that_does_not_exist(
    as_: Callable[[str], Client], rpc: str
) -> None:
    acme = as_("acme-admin")
    for name in ("secret", "globex/secret"):
        there = error_of(lambda: CASES[rpc](acme, name))  # noqa: B023 - called at once
        absent = error_of(lambda: CASES[rpc](acme, name.replace("secret", "nosuch")))  # noqa: B023 - the same

        assert type(there) is type(absent) is NotFound
        assert there.message.replace("secret", "nosuch") == absent.message
        assert there.reason == absent.reason == "COLLECTION_NOT_FOUND"
        assert "secret" not in absent.message
    assert [one.name for one in as_("globex-admin").collections()] == ["handbook", "secret"]


def test_what_is_ingested_under_another_tenants_name_does_not_reach_it(as_: Callable[[str], Client]) -> None:
    acme = as_("acme-admin")

    with pytest.raises(NotFound):
        acme.ingest("globex/secret", [Item("evil", "words")]).collect()
    acme.ingest("secret", [Item("own", "words")]).collect()

    assert [one.id for one in acme.items("secret")] == ["own"]
    assert [one.id for one in as_("globex-admin").items("secret")] == ["bread", "tides"]
    acme.delete_collection("secret")
    assert as_("globex-admin").get_collection("secret").item_count == 2


def test_a_shared_collection_is_listed_searched_and_answered_with_and_not_written(
    as_: Callable[[str], Client],
) -> None:
    acme = as_("acme-admin")

    assert "globex/handbook" in [one.name for one in acme.collections()]
    assert acme.retrieve("globex/handbook", "the moon and the sea").hits[0].hit.item_id == "tides"
    assert (
        acme.answer("globex/handbook", "What makes the tides?", sampling=BRIEF).collect().finish is not None
    )
    writes = (
        "UpsertItems DeleteItems DeleteCollection UpdateCollection RecordSource DeleteSource CreateSnapshot"
    )
    for write in writes.split():
        error = error_of(lambda: CASES[write](acme, "globex/handbook"))  # noqa: B023 - called at once
        assert isinstance(error, PermissionDenied), write
        assert "is shared with 'acme' for read" in error.message
    assert isinstance(error_of(lambda: acme.ingest("globex/handbook", HANDBOOK).collect()), PermissionDenied)


def test_a_tenant_counts_its_own_items_and_those_shared_with_it(
    platform: Running, as_: Callable[[str], Client]
) -> None:
    globex = as_("globex-admin")
    env = {"TIEBACK_SERVER": platform.address, "TIEBACK_TOKEN": "acme-read"}
    command = ["collections", "count", "globex/handbook", "--json", "--filter", 'item_id = "tides"']

    printed = CliRunner().invoke(app.tieback, command, env=env).output
    error = error_of(lambda: globex.count("secret", filter="item_id ="))

    assert (globex.count("secret"), json.loads(printed)) == ((2, 2), {"items": 1, "sections": 1})
    assert isinstance(error, InvalidArgument)
    assert error.field == "filter"
    assert error_of(lambda: globex.count("secrets")).choices == ("handbook", "secret")


def test_what_a_role_does_not_allow_is_denied_and_the_role_that_is_needed_is_named(
    as_: Callable[[str], Client],
) -> None:
    admin, writer, reader = (as_(f"acme-{role}") for role in ("admin", "write", "read"))
    error = error_of(lambda: writer.ingest("roles", HANDBOOK).collect())
    assert isinstance(error, PermissionDenied)
    assert "making a collection needs the role admin, and the token has the role write" in error.message

    admin.ingest("roles", HANDBOOK[:1]).collect()
    writer.ingest("roles", HANDBOOK[1:]).collect()

    assert reader.get_collection("roles").item_count == 2
    error = error_of(lambda: reader.ingest("roles", HANDBOOK).collect())
    assert isinstance(error, PermissionDenied)
    assert "needs the role write, and the token has the role read" in error.message
    assert isinstance(error_of(lambda: writer.delete_collection("roles")), PermissionDenied)
    admin.delete_collection("roles")


def test_collections_of_one_name_have_a_routing_each(as_: Callable[[str], Client]) -> None:
    acme, globex = as_("acme-admin"), as_("globex-admin")
    for client, weights in ((acme, "uniform"), (globex, {SPACE: 1.0})):
        client.create_collection("routed", "joint", weights=weights)
        client.ingest("routed", HANDBOOK).collect()

    policies = [client.retrieve("routed", "the moon").routing.policy for client in (acme, globex, acme)]

    assert policies == ["uniform", "explicit", "uniform"]
    for client in (acme, globex):
        client.delete_collection("routed")


def test_an_encoding_says_of_no_tenant_what_another_sent(as_: Callable[[str], Client]) -> None:
    def sources(token: str) -> list[str]:
        return [one.source.value for one in as_(token).encode(["a secret of acme"] * 2, space=SPACE)]

    assert sources("acme-admin")[0] == "computed"
    assert sources("globex-admin")[0] == "computed"
    assert sources("acme-read") == ["memory", "memory"]


def test_a_tenant_past_its_storage_quota_is_told_the_way_out(as_: Callable[[str], Client]) -> None:
    small = as_("small-admin")
    small.ingest("one", HANDBOOK[:1]).collect()
    small.create_collection("two", SPACE)

    for work in (
        lambda: small.ingest("one", HANDBOOK).collect(),
        lambda: small.upsert("two", [with_vector(small)]).collect(),
        lambda: small.create_collection("three", SPACE),
    ):
        error = error_of(work)
        assert isinstance(error, QuotaExceeded)
        assert (error.code, error.reason, error.retry_delay) == ("RESOURCE_EXHAUSTED", "TENANT_QUOTA", None)
        assert "have the quota raised" in error.message
    assert [one.id for one in small.items("one")] == ["tides"]


def test_a_tenant_past_its_tokens_per_second_is_told_when_to_come_back_and_others_are_served(
    as_: Callable[[str], Client],
) -> None:
    slow = as_("slow-admin")
    slow.encode(["many words " * 20], space=SPACE)

    error = error_of(lambda: slow.encode(["other words"], space=SPACE))
    as_("acme-admin").encode(["other words"], space=SPACE)

    assert isinstance(error, RateExceeded)
    assert (error.code, error.reason) == ("RESOURCE_EXHAUSTED", "TENANT_QUOTA")
    assert error.retry_delay is not None
    assert error.retry_delay > 1


def test_a_tenant_is_told_who_it_is_and_what_it_uses(as_: Callable[[str], Client]) -> None:
    reader, globex, small = (as_(token).usage() for token in ("acme-read", "globex-admin", "small-admin"))

    assert (reader.tenant, reader.role, reader.shared) == (
        "acme",
        Access.READ,
        {"globex/handbook": Access.READ},
    )
    assert (globex.collection_count, globex.item_count) == (2, 4)
    assert globex.byte_count > 4 * 384 * 4
    assert (small.quota.item_count, small.quota.byte_count, small.quota.collection_count) == (1, None, 2)


def test_calls_and_tokens_are_counted_by_tenant(platform: Running, as_: Callable[[str], Client]) -> None:
    before = platform.value("tieback_tenant_tokens_total", tenant="acme", service="encoder")
    as_("acme-admin").encode(["words that nobody sent before"], space=SPACE)
    as_("acme-admin").generate("Say hello.", sampling=BRIEF).collect()

    assert platform.value("tieback_tenant_tokens_total", tenant="acme", service="encoder") > before
    assert platform.value("tieback_tenant_tokens_total", tenant="acme", service="generator") > 0
    assert platform.value("tieback_tenant_requests_total", tenant="acme", code="OK") > 0
    assert platform.value("tieback_tenant_requests_total", tenant="globex", code="OK") > 0


def test_a_call_without_a_token_is_told_how_to_send_one(as_: Callable[[str], Client]) -> None:
    error = error_of(lambda: list(as_("no-such-token").collections()))

    assert isinstance(error, Unauthenticated)
    assert "TIEBACK_TOKEN" in str(error)
