"""Work is counted once, whoever asked for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.local_platform import Running
from tieback_client import Client, Item, Section
from tieback_contract.generation import SamplingParameters

TEXT_SPACES = ("all-minilm-l6-v2", "paraphrase-minilm-l3-v2", "wordllama-256")


@pytest.fixture
def client(local_platform: Running) -> Iterator[Client]:
    with Client(local_platform.address, timeout=60) as made:
        section = Section("The lighthouse at Cape Alder was built in 1873 and is 41 metres tall.", id="1")
        made.ingest("observed", [Item(id="lighthouse", sections=[section])]).collect()
        yield made


class Counted:
    """How often each service has worked since."""

    def __init__(self, platform: Running) -> None:
        self._platform = platform
        self._before: dict[tuple[str, str], float] = {}

    def now(self, service: str, space: str) -> float:
        return self._platform.value("tieback_total_seconds_count", service=service, space=space)

    def __enter__(self) -> Counted:
        watched = [("encoder", space) for space in TEXT_SPACES]
        watched += [("router", "joint"), ("index", "search"), ("reranker", "late_interaction")]
        self._before = {key: self.now(*key) for key in watched}
        return self

    def __exit__(self, *_: object) -> None:
        self.since = {key: self.now(*key) - before for key, before in self._before.items()}


def test_the_steps_of_a_retrieval_are_counted_where_they_are_done(
    client: Client, local_platform: Running
) -> None:
    with Counted(local_platform) as counted:
        client.retrieve("observed", "a tall light", reranker="late_interaction")

    encoded = {space: counted.since.pop(("encoder", space)) for space in TEXT_SPACES}
    assert set(counted.since.values()) == {1}
    assert min(encoded.values()) == 1  # and once more by the reranker, in its own space


def test_a_call_for_one_service_is_counted_once(client: Client, local_platform: Running) -> None:
    with Counted(local_platform) as counted:
        client.encode(["the sea", "the shore"], space="wordllama-256")

    assert {key: count for key, count in counted.since.items() if count} == {("encoder", "wordllama-256"): 1}


def test_an_answer_counts_its_verdicts_and_tokens(client: Client, local_platform: Running) -> None:
    def verdicts() -> float:
        labels = ("supported", "unsupported", "contradicted", "not_checked")
        return sum(local_platform.value("tieback_verdicts_total", label=label) for label in labels)

    def tokens() -> float:
        return local_platform.value("tieback_generated_tokens_total", model="smollm2-135m-instruct")

    before = verdicts(), tokens()
    answer = client.answer(
        "observed", "How tall is the lighthouse at Cape Alder?", sampling=SamplingParameters(max_tokens=24)
    ).collect()

    assert answer.finish is not None
    assert verdicts() - before[0] == len(answer.claims) > 0
    assert tokens() - before[1] == answer.finish.completion_tokens


def test_only_queries_count_as_routed(client: Client, local_platform: Running) -> None:
    def routed() -> float:
        return local_platform.value("tieback_router_weight_count", space="wordllama-256", modality="text")

    before = routed()
    client.ingest("observed", [Item(id="sea", sections=[Section("The sea.", id="1")])]).collect()
    between = routed()
    client.retrieve("observed", "the sea")

    assert between == before
    assert routed() == before + 1


def test_long_texts_are_counted_by_what_became_of_them(client: Client, local_platform: Running) -> None:
    space = "paraphrase-minilm-l3-v2"

    def counts() -> tuple[float, float, float]:
        unread = [
            local_platform.value("tieback_truncated_tokens_total", space=space, role=role)
            for role in ("document", "query")
        ]
        return local_platform.value("tieback_split_sections_total"), unread[0], unread[1]

    long = "The keeper of the lighthouse wrote of ships and storms. " * 30
    before = counts()

    split = client.ingest("observed", [Item("split", long)]).collect()
    cut = client.ingest("observed", [Item("cut", long)], long_texts="truncate").collect()
    found = client.retrieve("observed", long)

    assert (split.split_sections, split.truncated_sections) == (1, 0)
    assert cut.truncated[space].window == found.truncated[space].window == 128
    after = [now - then for now, then in zip(counts(), before, strict=True)]
    assert after == [1, cut.truncated[space].tokens, found.truncated[space].tokens]


def test_a_page_has_the_process_and_no_line_that_says_nothing(
    client: Client, local_platform: Running
) -> None:
    client.retrieve("observed", "a tall light")

    page = local_platform.server.telemetry.page().decode()
    series = [line for line in page.splitlines() if not line.startswith("#")]
    heads = [line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")]
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"):
        assert any(line.startswith(f"{name} ") for line in series)
    assert not [line for line in series if "_created" in line]
    for head in heads:
        assert any(line.startswith(head.removesuffix("_total")) for line in series), head
    # A router has no queue, and an index nothing to prepare.
    assert not [line for line in series if line.startswith("tieback_queue_seconds") and '"router"' in line]
