"""Heads over the wire, with the real models: what they predict, whose they are, and that they stay."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result
from support.colours import png
from support.lab import lab as lab
from support.local_platform import Running, served_locally
from support.statuses import Failure
from support.tenants import write_tokens
from tieback.serving.settings import Settings
from tieback.v1 import classifier_pb2, classifier_pb2_grpc, content_pb2
from tieback_client import (
    AsyncClient,
    Client,
    Head,
    Health,
    Image,
    InvalidArgument,
    NotFound,
    OperationState,
    PermissionDenied,
)
from tieback_client.cli import app

SPACE, PHOTOS = "all-minilm-l6-v2", "efficientnet-lite0"
TOPICS = {
    "kitchen": [
        "Knead the dough for ten minutes and let it rise.",
        "Simmer the soup with thyme and a bay leaf.",
        "Grease the tin before you pour in the batter.",
        "Roast the potatoes until they are golden.",
    ],
    "sea": [
        "The tide rose over the harbour wall.",
        "Waves broke against the pier all night.",
        "The ferry was late because of the swell.",
        "Sailors watched the lighthouse from the deck.",
    ],
    "sky": [
        "The telescope showed the rings of Saturn.",
        "A comet crossed the constellation of Orion.",
        "Astronomers measured the light of a distant star.",
        "The moon passed into the shadow of the Earth.",
    ],
}
ASKED = {
    "kitchen": ["Chop the onions and fry them in butter.", "The bread smells wonderful."],
    "sea": ["The boat rocked at anchor in the bay.", "Seals were swimming near the rocks."],
    "sky": ["The galaxy has a hundred billion suns.", "Jupiter is bright tonight."],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("heads")


@pytest.fixture(scope="module")
def platform(folder: Path) -> Iterator[Running]:
    tokens = write_tokens(
        folder / "tokens",
        {
            "acme": {"acme-admin": "admin", "acme-read": "read"},
            "globex": {"globex-admin": "admin"},
        },
    )
    settings = Settings(
        store=folder / "store", port=0, metrics_port=None, tokens=tokens, drain_seconds=1, binding="none",
        spaces=(SPACE, "wordllama-256", PHOTOS), generator="none",
    )  # fmt: skip
    with served_locally(settings) as running:
        yield running


@pytest.fixture
def as_(platform: Running) -> Iterator[Callable[[str], Client]]:
    made: list[Client] = []

    def client(token: str) -> Client:
        made.append(Client(platform.address, token=token, timeout=60))
        return made[-1]

    yield client
    for one in made:
        one.close()


@pytest.fixture
def client(as_: Callable[[str], Client]) -> Client:
    return as_("acme-admin")


@pytest.fixture(scope="module")
def topics(platform: Running) -> Head:
    with Client(platform.address, token="acme-admin", timeout=60) as client:
        return client.fit_head("topics", TOPICS, space=SPACE).result(timeout=60)


def run(platform: Running, *words: str) -> Result:
    environment = {"TIEBACK_SERVER": platform.address, "TIEBACK_TOKEN": "acme-admin"}
    return CliRunner().invoke(app.tieback, list(words), env=environment)


def right(client: Client, name: str) -> int:
    """How many of the texts that nothing was learned from are classified rightly, of six."""
    pairs = [(text, label) for label, texts in ASKED.items() for text in texts]
    found = client.predict(name, [text for text, _ in pairs])
    return sum(one.label == label for one, (_, label) in zip(found, pairs, strict=True))


def test_a_head_of_texts_is_fitted_as_an_operation_and_says_what_it_is_worth(
    client: Client, platform: Running, folder: Path, topics: Head
) -> None:
    operation = client.fit_head("topics", TOPICS, space=SPACE)
    head = operation.result(timeout=60)

    assert (operation.status.kind, operation.status.subject) == ("fit_head", "topics")
    assert (operation.status.state, operation.status.done, operation.status.total) == (
        OperationState.SUCCEEDED,
        6,
        6,
    )
    assert operation.id.startswith("fit_head-")
    assert (head.version, head.artifact) == (topics.version, topics.artifact), "it is the same again"
    assert head.space == client.space(SPACE).ref
    assert (head.method, head.parameters["c"]) == ("logistic", 10.0)
    assert head.classes == {"kitchen": 4, "sea": 4, "sky": 4}
    assert head.accuracy >= 0.8
    assert client.head("topics") == head
    assert [one.name for one in client.heads()] == ["topics"]
    assert (folder / "store/heads/acme/topics" / head.artifact).is_dir()
    assert list((folder / "store/heads/acme/topics/drafts").iterdir()) == []


@pytest.mark.parametrize("method", ["logistic", "linear_svm", "memory"])
def test_texts_that_nothing_was_learned_from_are_classified_rightly(client: Client, method: str) -> None:
    client.fit_head(f"by-{method.replace('_', '-')}", TOPICS, space=SPACE, method=method).result(timeout=60)
    name = f"by-{method.replace('_', '-')}"

    found = client.predict(name, ASKED["sea"], top=2)

    assert right(client, name) == 6
    assert [len(one.labels) for one in found] == [2, 2]
    for one in found:
        assert one.labels[0].probability >= one.labels[1].probability > 0
        assert sum(label.probability for label in one.labels) <= 1 + 1e-5
        assert one.labels[0].name == list(client.head(name).classes)[one.labels[0].index]
        assert (one.memory_share is not None) == (method == "memory")
    assert found.timing.total > 0
    assert [stage.name for stage in found.timing.stages] == [f"encode:{SPACE}", "fuse", "classify"]
    client.delete_head(name)


def test_photos_are_classified_by_their_colours(client: Client) -> None:
    shades = {
        "red": [(240, 20, 20), (200, 10, 30), (220, 40, 10)],
        "blue": [(20, 20, 240), (10, 30, 200), (40, 10, 220)],
    }
    examples = {name: [Image(png(*shade)) for shade in few] for name, few in shades.items()}

    head = client.fit_head("shades", examples, space=PHOTOS, method="linear_svm").result(timeout=60)
    found = client.predict("shades", [Image(png(230, 15, 25)), Image(png(15, 25, 230))])

    assert [one.label for one in found] == ["red", "blue"]
    assert head.space.name == PHOTOS
    client.delete_head("shades")


def test_a_memory_is_looked_at_in_place_of_the_examples(client: Client) -> None:
    few = {label: texts[:2] for label, texts in TOPICS.items()}
    more = {label: texts[2:] for label, texts in TOPICS.items()}

    head = client.fit_head("remembering", few, space=SPACE, method="memory", memory=more).result(timeout=60)
    (found,) = client.predict("remembering", ["The lighthouse stood above the waves."])

    assert (head.memory_count, head.example_count) == (6, 6)
    assert found.label == "sea"
    assert found.memory_share is not None
    assert 0 < found.memory_share < 1
    client.delete_head("remembering")


def test_vectors_that_were_computed_before_are_examples_and_contents_too(client: Client) -> None:
    examples = {
        label: [one.vector for one in client.encode(texts, space=SPACE)] for label, texts in TOPICS.items()
    }

    head = client.fit_head("vectors", examples).result(timeout=60)
    [encoding] = client.encode(ASKED["sky"][:1], space=SPACE)
    by_vector, by_text = client.predict("vectors", [encoding.vector, ASKED["sky"][0]])

    assert head.space.name == SPACE, "the space of the vectors, without being asked for"
    assert by_vector.label == "sky"
    assert by_text.labels[0].probability == pytest.approx(by_vector.labels[0].probability, abs=0.02)
    client.delete_head("vectors")


def test_other_examples_make_the_next_version_and_both_predict(client: Client, topics: Head) -> None:
    client.fit_head("versions", TOPICS, space=SPACE).result(timeout=60)
    two = {label: TOPICS[label] for label in ("sea", "sky")}
    second = client.fit_head("versions", two, space=SPACE).result(timeout=60)

    assert (second.version, second.versions) == (2, [1, 2])
    assert client.predict("versions", ASKED["kitchen"][:1])[0].label != "kitchen"
    first = client.predict("versions", ASKED["kitchen"][:1], version=1)
    assert (first.version, first[0].label) == (1, "kitchen")
    with pytest.raises(NotFound, match="no version is named '3'"):
        client.predict("versions", "a text", version=3)
    client.delete_head("versions")
    with pytest.raises(NotFound, match="no head is named 'versions'"):
        client.head("versions")


def test_a_content_that_the_space_does_not_read_fails_alone(client: Client, topics: Head) -> None:
    found = client.predict("topics", ["The ship sailed.", Image(png(1, 2, 3)), "The oven is hot."])

    assert [found[place].label for place in (0, 2)] == ["sea", "kitchen"]
    with pytest.raises(InvalidArgument, match="does not read image; it reads: text") as refusal:
        found[1]
    assert refusal.value.field == "contents[1].image"


def test_what_cannot_be_fitted_is_refused_by_its_place_and_starts_nothing(client: Client) -> None:
    known = [one.id for one in client.operations()]
    [other] = client.encode(["a text"], space="wordllama-256")
    sea, sky = TOPICS["sea"], TOPICS["sky"]

    cases: list[tuple[Any, dict[str, Any], str, str]] = [
        ({"sea": sea}, {}, "examples", "1 different labels; a head has 2 to 1000 classes"),
        ({}, {}, "examples", "0 different labels"),
        ({"sea": sea, "sky": sky[:1]}, {}, "examples[4].label", "'sky' has 1 example"),
        ({"sea": sea, "": sky}, {}, "examples[4].label", "needs a label"),
        (
            {"sea": sea, "sky": [*sky, Image(png(1, 2, 3))]},
            {},
            "examples[8].content.image",
            "does not read image",
        ),
        ({"sea": sea, "sky": [*sky, other.vector]}, {}, "examples[8].content.vector.space", "wordllama-256@"),
        ({"sea": [*sea, ""], "sky": sky}, {}, "examples[4].content.text", "empty"),
        ({"sea": sea, "sky": sky}, {"name": "Topics"}, "name", "is no name of a head"),
        (
            {"sea": sea, "sky": sky},
            {"method": ("logistic", {"c": -1})},
            "method.parameters.c",
            "greater than or",
        ),
        (
            {"sea": sea, "sky": sky},
            {"method": ("logistic", {"d": 1})},
            "method.parameters.d",
            "parameters are: c",
        ),
        ({"sea": sea, "sky": sky}, {"memory": {"sea": sea}}, "memory", "logistic keeps no memory"),
        (
            {"sea": sea, "sky": sky},
            {"memory": {"land": sea}, "method": "memory"},
            "memory[0].label",
            "no example has the label 'land'",
        ),
    ]
    for examples, more, field, says in cases:
        arguments: dict[str, Any] = {"name": "wrong", "space": SPACE} | more
        with pytest.raises(InvalidArgument, match=says) as refusal:
            client.fit_head(arguments.pop("name"), examples, **arguments)
        assert refusal.value.field == field
    with pytest.raises(NotFound, match=r"no head method is named 'svm'; .*: linear_svm, logistic, memory"):
        client.fit_head("wrong", TOPICS, space=SPACE, method="svm")
    with pytest.raises(NotFound, match="no space is named 'minilm'"):
        client.fit_head("wrong", TOPICS, space="minilm")

    assert [one.id for one in client.operations()] == known
    with pytest.raises(NotFound):
        client.head("wrong")


def test_a_content_that_is_empty_is_refused_by_its_place(platform: Running, topics: Head) -> None:
    metadata = (("authorization", "Bearer acme-admin"),)
    with grpc.insecure_channel(platform.address) as channel:
        stub: Any = classifier_pb2_grpc.ClassifierServiceStub(channel)
        good = content_pb2.Content(text="a text")
        calls: list[tuple[Callable[[], Any], str]] = [
            (
                lambda: stub.Predict(
                    classifier_pb2.PredictRequest(head="topics", contents=[content_pb2.Content()]),
                    metadata=metadata,
                ),
                "contents[0]",
            ),
            (
                lambda: stub.Predict(classifier_pb2.PredictRequest(head="topics"), metadata=metadata),
                "contents",
            ),
            (
                lambda: stub.FitHead(
                    classifier_pb2.FitHeadRequest(
                        name="new", examples=[classifier_pb2.HeadExample(label="a")]
                    ),
                    metadata=metadata,
                ),
                "examples[0].content",
            ),
        ]
        for call, field in calls:
            with pytest.raises(grpc.RpcError) as caught:
                call()
            failure = Failure.of(caught.value)
            assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)

        some = classifier_pb2.PredictRequest(head="topics", contents=[good, content_pb2.Content()])
        results = stub.Predict(some, metadata=metadata).results
        assert [one.WhichOneof("outcome") for one in results] == ["prediction", "error"]


def test_a_tenants_head_is_to_others_as_one_that_does_not_exist(
    as_: Callable[[str], Client], topics: Head
) -> None:
    globex = as_("globex-admin")

    for asked in (
        lambda name: globex.head(name),
        lambda name: globex.predict(name, "a text"),
        lambda name: globex.delete_head(name),
    ):
        messages = []
        for name in ("topics", "nosuch"):
            with pytest.raises(NotFound) as refusal:
                asked(name)
            messages.append(refusal.value.message.replace(name, "it"))
        assert messages[0] == messages[1]
    assert globex.heads() == []
    globex.fit_head("topics", {label: TOPICS[label] for label in ("sea", "sky")}, space=SPACE).result()
    assert globex.head("topics").classes == {"sea": 4, "sky": 4}
    globex.delete_head("topics")
    assert as_("acme-admin").head("topics").artifact == topics.artifact


def test_a_token_that_reads_predicts_and_neither_fits_nor_deletes(
    as_: Callable[[str], Client], topics: Head
) -> None:
    reader = as_("acme-read")

    assert right(reader, "topics") == 6
    assert reader.head("topics").version == topics.version
    with pytest.raises(PermissionDenied, match="fitting a head needs the role admin"):
        reader.fit_head("topics", TOPICS, space=SPACE)
    with pytest.raises(PermissionDenied, match="deleting a head needs the role admin"):
        reader.delete_head("topics")


def test_the_service_is_healthy_counted_and_its_methods_are_listed(
    client: Client, platform: Running, topics: Head
) -> None:
    client.predict("topics", "a text")

    assert client.health("tieback.v1.ClassifierService") is Health.SERVING
    assert [one.name for one in client.methods("heads")] == ["linear_svm", "logistic", "memory"]
    labels = {"service": "ClassifierService", "method": "Predict", "code": "OK"}
    assert platform.value("tieback_requests_total", **labels) > 0
    assert platform.value("tieback_operation_seconds_count", kind="fit_head", state="succeeded") > 0


async def test_the_asynchronous_client_and_the_command_line_do_the_same(
    platform: Running, tmp_path: Path, topics: Head
) -> None:
    for label, texts in TOPICS.items():
        (tmp_path / "topics" / label).mkdir(parents=True)
        for number, text in enumerate(texts):
            (tmp_path / "topics" / label / f"{number}.txt").write_text(text)

    fitted = run(
        platform, "heads", "fit", "topics", "--space", SPACE, "--examples", str(tmp_path / "topics"), "--json"
    )
    predicted = run(platform, "heads", "predict", "topics", ASKED["sky"][0])
    async with AsyncClient(platform.address, token="acme-admin", timeout=60) as client:
        found = await client.predict("topics", ASKED["sky"][:1])

    assert json.loads(fitted.stdout)["artifact"] == topics.artifact
    assert predicted.stdout.split("\t")[:2] == [ASKED["sky"][0], "sky"]
    assert found[0].label == "sky"
