"""The classifier in one process: what it keeps on the disk, and what becomes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from support.acting import begun
from support.lab import lab as lab
from tieback.artifacts import Artifact
from tieback.classifier import Classifier, service
from tieback.classifier.store import HEAD, KEPT, HeadKey, HeadStore, head_of
from tieback.core.call import NO_CALL
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import (
    Damaged,
    InvalidInput,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    SpaceMismatch,
    TiebackError,
)
from tieback.core.tenant import AccessLevel, Principal
from tieback.core.types.content import Content
from tieback.core.types.heads import NO_METHOD, Example, HeadRequest, PredictRequest
from tieback.core.types.operation import Json
from tieback_contract.arrays import Array
from tieback_contract.heads import Head, Prediction
from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.reports import Timing
from tieback_contract.vectors import SpaceRef

WORDS = ("owl", "wren", "night", "day")
EXAMPLES = (("owl", "bird"), ("wren", "bird"), ("owl wren", "bird"),
            ("night", "time"), ("day", "time"), ("night day", "time"))  # fmt: skip


class Words:
    """An `EmbeddingPort`: a text is the sum of its words' axes; one without a known word is refused."""

    def __init__(self, revision: str = "r1") -> None:
        self.ref = SpaceRef("words", revision, "f1")

    def find(self, space: str) -> SpaceRef:
        if space not in ("", "words"):
            raise NotFound("space", space, ["words"])
        return self.ref

    async def embed(
        self, space: SpaceRef, contents: Sequence[Content], *, deadline: Deadline = NO_DEADLINE
    ) -> tuple[list[Array | TiebackError], Timing]:
        rows = [
            np.array([str(one.data).split().count(word) for word in WORDS], np.float32) for one in contents
        ]
        return [
            row if row.any() else InvalidInput("no word is known", field="text") for row in rows
        ], Timing()


def text(words: str) -> Content:
    return Content(Modality.TEXT, words)


def request(
    name: str = "topics", method: MethodChoice = NO_METHOD, examples: Sequence[tuple[str, str]] = EXAMPLES
) -> HeadRequest:
    return HeadRequest(name, [Example(text(words), label) for words, label in examples], method=method)


@pytest.fixture
async def classifier(tmp_path: Path) -> AsyncIterator[Classifier]:
    made = Classifier(tmp_path / "heads", Words(), Limits())
    yield made
    await made.close()


async def drafted(classifier: Classifier, asked: HeadRequest) -> Json:
    async with classifier.drafted(asked) as draft:
        return draft


async def fitted(classifier: Classifier, asked: HeadRequest) -> Head:
    """As the operation does it."""
    draft = await drafted(classifier, asked)
    steps = [step async for step in classifier.fit(draft["head"], draft["draft"])]
    await classifier.discard(draft["head"], draft["draft"])
    return head_of(steps[-1].checkpoint or {})


async def predicted(classifier: Classifier, words: str, *, version: int = 0) -> str:
    reply = await classifier.predict(PredictRequest("topics", [text(words)], version=version), NO_CALL)
    (result,) = reply.results
    assert isinstance(result, Prediction)
    return result.labels[0].name


@pytest.mark.parametrize("method", ["", "linear_svm", "memory"])
async def test_a_head_is_fitted_measured_and_predicts(classifier: Classifier, method: str) -> None:
    head = await fitted(classifier, request(method=MethodChoice(method)))

    assert (head.name, head.version, head.versions) == ("topics", 1, [1])
    assert (head.method, head.classes) == (method or "logistic", {"bird": 3, "time": 3})
    assert head.parameters["c"] > 0
    assert 0 <= head.accuracy <= 1
    assert await predicted(classifier, "owl owl wren") == "bird"
    assert await predicted(classifier, "night") == "time"


async def test_the_steps_of_a_fit_are_its_parts_and_the_last_cannot_be_undone(classifier: Classifier) -> None:
    draft = await drafted(classifier, request())

    steps = [step async for step in classifier.fit(draft["head"], draft["draft"])]

    assert [step.done for step in steps] == [0, 1, 2, 3, 4, 5, 5, 6]
    assert [step.committing for step in steps] == [False] * 6 + [True] * 2
    assert {step.total for step in steps} == {6}


async def test_a_run_that_was_cut_short_ends_in_the_same_version_when_it_is_run_again(
    classifier: Classifier,
) -> None:
    draft = await drafted(classifier, request())
    for end in (3, 8):  # in the cross-validation; when the version was published and the journal had it not
        steps = classifier.fit(draft["head"], draft["draft"])
        for _ in range(end):
            await anext(steps)
        await steps.aclose()

    last = [step async for step in classifier.fit(draft["head"], draft["draft"])][-1]

    assert (last.checkpoint or {})["version"] == 1
    assert (await classifier.get_head("topics")).versions == [1]


async def test_other_examples_make_the_next_version_and_the_first_stays_as_it_was(
    classifier: Classifier, tmp_path: Path
) -> None:
    swapped = [(words, {"bird": "time", "time": "bird"}[label]) for words, label in EXAMPLES]
    first = await fitted(classifier, request())
    second = await fitted(classifier, request(examples=swapped))

    assert (second.version, second.versions) == (2, [1, 2])
    assert await predicted(classifier, "owl") == "time"
    assert await predicted(classifier, "owl", version=1) == "bird"
    assert (await classifier.get_head("topics", version=1)).artifact == first.artifact
    with pytest.raises(NotFound, match=r"no version is named '3'; .*: 1, 2; the last 10"):
        await classifier.get_head("topics", version=3)
    artifact = Artifact.load(tmp_path / "heads/_/topics" / first.artifact, HEAD)
    assert artifact.facts["classes"] == {"bird": 3, "time": 3}
    assert [one.name for one in artifact.made_for] == ["words"]


async def test_old_versions_are_removed_and_numbers_are_not_used_again(
    classifier: Classifier, tmp_path: Path
) -> None:
    for number in range(KEPT + 2):
        await fitted(classifier, request(method=MethodChoice("logistic", {"c": 1 + number})))

    found = await classifier.get_head("topics")

    assert found.versions == list(range(3, KEPT + 3))
    folders = [path.name for path in (tmp_path / "heads/_/topics").iterdir() if path.is_dir()]
    assert len(folders) == KEPT + 1, "those that are kept, and the empty folder of drafts"
    with pytest.raises(NotFound, match="no version is named '1'"):
        await classifier.predict(PredictRequest("topics", [text("owl")], version=1), NO_CALL)


async def test_a_start_reads_what_is_there_and_leaves_out_what_is_damaged(
    classifier: Classifier, tmp_path: Path
) -> None:
    head = await fitted(classifier, request())
    await fitted(classifier, request("broken"))
    (tmp_path / "heads/_/broken/head.json").write_text("{}")

    again = Classifier(tmp_path / "heads", Words(), Limits())

    assert [(one.name, one.version, one.artifact) for one in await again.list_heads()] == [
        ("topics", 1, head.artifact)
    ]
    assert await predicted(again, "owl") == "bird"
    await again.close()


async def test_a_head_of_which_a_byte_changed_is_refused_and_says_what_to_do(
    classifier: Classifier, tmp_path: Path
) -> None:
    head = await fitted(classifier, request())
    path = tmp_path / "heads/_/topics" / head.artifact / "state.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    with pytest.raises(Damaged, match="tieback heads fit topics") as refusal:
        await predicted(classifier, "owl")
    assert refusal.value.reason == "HEAD_DAMAGED"
    again = await fitted(classifier, request())
    assert await predicted(classifier, "owl", version=again.version) == "bird"


async def test_a_head_of_another_revision_of_its_space_is_refused_and_says_what_to_do(
    classifier: Classifier, tmp_path: Path
) -> None:
    await fitted(classifier, request())
    changed = Classifier(tmp_path / "heads", Words("r2"), Limits())

    (listed,) = await changed.list_heads()
    says = "fitted in the space words@r1 .* words@r2 .*tieback heads fit topics"
    with pytest.raises(SpaceMismatch, match=says) as refusal:
        await predicted(changed, "owl")
    again = await fitted(changed, request())

    assert "tieback heads fit topics" in listed.stale
    assert str(refusal.value.field) == "head"
    assert (again.version, again.space.revision) == (2, "r2")
    assert await predicted(changed, "owl") == "bird"
    await changed.close()


async def test_vectors_that_wait_are_held_against_their_digest(
    classifier: Classifier, tmp_path: Path
) -> None:
    draft = await drafted(classifier, request())
    (path,) = (tmp_path / "heads/_/topics/drafts").iterdir()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    with pytest.raises(InvalidInput, match="are not there any more; fit it again"):
        await classifier.check(draft["head"], draft["draft"])


async def test_an_operation_that_is_refused_leaves_no_vectors(classifier: Classifier, tmp_path: Path) -> None:
    with pytest.raises(QuotaExceeded):
        async with classifier.drafted(request()):
            raise QuotaExceeded("too many operations")

    assert list((tmp_path / "heads/_/topics/drafts").iterdir()) == []


async def test_a_head_is_deleted_with_all_its_versions_and_vectors(
    classifier: Classifier, tmp_path: Path
) -> None:
    await fitted(classifier, request())
    draft = await drafted(classifier, request(method=MethodChoice("linear_svm")))

    await classifier.delete_head("topics")

    assert list((tmp_path / "heads/_").iterdir()) == []
    with pytest.raises(NotFound, match="there are none yet"):
        await predicted(classifier, "owl")
    with pytest.raises(InvalidInput, match="fit it again"):
        await classifier.check(draft["head"], draft["draft"])
    assert (await fitted(classifier, request())).version == 1


async def test_what_a_killed_removal_left_is_removed_at_the_next_start(tmp_path: Path) -> None:
    left = tmp_path / "heads/_/.removed-1234"
    left.mkdir(parents=True)
    (left / "head.json").write_text("[]")

    store = HeadStore(tmp_path / "heads")

    assert not left.exists()
    assert store.names("") == []


async def test_a_tenant_has_a_limited_number_of_heads_and_sees_its_own(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_HEADS", 1)
    acme, globex = Principal("acme"), Principal("globex")
    await begun(acme, fitted(classifier, request()))

    with pytest.raises(QuotaExceeded, match="a tenant may have 1"):
        await begun(acme, fitted(classifier, request("others")))
    await begun(acme, fitted(classifier, request(method=MethodChoice("linear_svm"))))
    await begun(globex, fitted(classifier, request("others")))

    assert (await begun(acme, classifier.get_head("topics"))).version == 2
    assert [one.name for one in await begun(globex, classifier.list_heads())] == ["others"]
    with pytest.raises(NotFound, match="no head is named 'topics'; the choices are: others"):
        await begun(globex, classifier.get_head("topics"))
    with pytest.raises(PermissionDenied, match="fitting a head needs the role admin"):
        await begun(Principal("acme", AccessLevel.WRITE), fitted(classifier, request()))
    with pytest.raises(PermissionDenied, match="deleting a head needs the role admin"):
        await begun(Principal("acme", AccessLevel.READ), classifier.delete_head("topics"))


async def test_a_bad_content_has_an_error_and_the_others_are_classified(classifier: Classifier) -> None:
    await fitted(classifier, request())

    asked = PredictRequest("topics", [text("owl"), text("zebra"), text("day")], top=1)
    reply = await classifier.predict(asked, NO_CALL)

    good, bad, last = reply.results
    assert isinstance(good, Prediction)
    assert isinstance(last, Prediction)
    assert ([one.name for one in good.labels], last.labels[0].name) == (["bird"], "time")
    assert isinstance(bad, InvalidInput)
    assert str(bad.field) == "contents[1].text"
    assert reply.timing.stages[-1].name == "classify"


@pytest.mark.parametrize(
    ("asked", "field", "says"),
    [
        (request("Big"), "name", "is no name of a head"),
        (request(examples=EXAMPLES[:3]), "examples", "1 different labels; a head has 2 to 1000"),
        (request(examples=EXAMPLES[:4]), "examples[3].label", "'time' has 1 example; each class needs 2"),
        (request(examples=[*EXAMPLES, ("owl", " ")]), "examples[6].label", "needs a label"),
        (request(examples=[*EXAMPLES, ("owl", "x" * 257)]), "examples[6].label", "256 bytes at most"),
        (request(examples=[*EXAMPLES, ("zebra", "bird")]), "examples[6].content.text", "no word is known"),
        (request(examples=EXAMPLES * 1000), "examples", "6000 examples, .* 5000 at most"),
        (
            request(method=MethodChoice("logistic", {"c": 0})),
            "method.parameters.c",
            "greater than or equal to",
        ),
        (
            HeadRequest("topics", request().examples, memory=request().examples),
            "memory",
            "logistic keeps no memory; take another method: memory",
        ),
        (
            HeadRequest(
                "topics",
                request().examples,
                method=MethodChoice("memory"),
                memory=[Example(text("owl"), "beast")],
            ),
            "memory[0].label",
            "no example has the label 'beast'",
        ),
    ],
)
async def test_what_cannot_be_fitted_is_refused_by_its_place_and_nothing_is_kept(
    classifier: Classifier, tmp_path: Path, asked: HeadRequest, field: str, says: str
) -> None:
    with pytest.raises(InvalidInput, match=says) as refusal:
        await drafted(classifier, asked)

    assert str(refusal.value.field) == field
    assert list((tmp_path / "heads").iterdir()) == []


async def test_names_that_are_not_there_are_not_found_with_the_choices(classifier: Classifier) -> None:
    with pytest.raises(NotFound, match="no head method is named 'svm'"):
        await drafted(classifier, request(method=MethodChoice("svm")))
    with pytest.raises(NotFound, match="no space is named 'wrds'"):
        await drafted(classifier, HeadRequest("topics", request().examples, "wrds"))


async def test_an_empty_or_a_large_prediction_is_refused(tmp_path: Path) -> None:
    classifier = Classifier(tmp_path / "heads", Words(), Limits(batch_items=2))
    await fitted(classifier, request())

    for contents, says in (([], "nothing to classify"), ([text("owl")] * 3, "3 contents; the limit is 2")):
        with pytest.raises(InvalidInput, match=says) as refusal:
            await classifier.predict(PredictRequest("topics", contents), NO_CALL)
        assert str(refusal.value.field) == "contents"
    await classifier.close()


async def test_the_manifest_is_written_in_one_step_and_names_what_is_there(
    classifier: Classifier, tmp_path: Path
) -> None:
    await asyncio.gather(*(fitted(classifier, request(f"head-{n}")) for n in range(3)))

    store = HeadStore(tmp_path / "heads")

    assert store.names("") == ["head-0", "head-1", "head-2"]
    for name in store.names(""):
        (head,) = store.versions(HeadKey("", name))
        assert store.load(HeadKey("", name), head.artifact).facts["method"] == "logistic"
        assert len(json.loads((tmp_path / "heads/_" / name / "head.json").read_text())) == 1
