"""A server that fuses the parts of things, and goes on from a state where the fusion takes parts in turn."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support.coloured_triplets import Shades, shades_in
from support.local_platform import served_locally
from support.small_fusions import pairs_file, rounds_file, things_file, train_fusion
from tieback.serving.settings import Settings
from tieback_client import Image, InvalidArgument, Item, NotFound, Section
from tieback_contract.encodings import Encoding
from tieback_contract.vectors import Vector
from tieback_lab.client import Client
from tieback_lab.contract.fusion import TagKind, Thing, ThingPart


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Shades:
    return shades_in(tmp_path_factory.mktemp("fusions"))


@pytest.fixture(scope="module")
def client(world: Shades) -> Iterator[Client]:
    data = things_file(world)
    made = [
        train_fusion(world, data, method="multimodn", dropout=0.0),
        train_fusion(world, data, method="ptunifier", name="pooled"),
        train_fusion(world, rounds_file(world), method="lstm", name="rounds", dropout=0.0),
        train_fusion(world, data, name="strict", missing="refuse"),
        train_fusion(world, pairs_file(world), method="align", name="paired", steps=100),
        train_fusion(world, data, method="clhe", name="bundled", dropout=0.0, steps=5),
        train_fusion(world, data, method="imgany", name="named"),
        train_fusion(world, data, method="contextual", name="trusting"),
        train_fusion(world, data, method="contextual", name="replacing", missing="substitute", steps=5),
        train_fusion(world, things_file(world, condition="more red"), method="cross_attention", name="asked"),
    ]
    settings = Settings(
        models=world.store.root, store=world.folder / "store", cards=world.folder / "cards", port=0,
        metrics_port=None, spaces=("words", "eyes"), binding="none", generator="none", drain_seconds=1,
        artifacts=tuple(str(one.folder) for one in made), extensions=("lab",),
    )  # fmt: skip
    with served_locally(settings) as running, Client(running.address, timeout=60) as one:
        yield one


@pytest.fixture(scope="module")
def parts(client: Client, world: Shades) -> dict[str, Encoding]:
    (photo,) = client.encode(Image.from_file(world.photo((5, 2))), space="eyes")
    title, note = client.encode(["more red", "less green"], space="words")
    return {"photo": photo, "title": title, "note": note}


def test_a_thing_with_a_missing_part_is_one_vector_and_says_what_it_rests_on(
    client: Client, parts: dict[str, Encoding]
) -> None:
    some = {name: parts[name] for name in ("photo", "title")}

    skipped = client.fuse_parts("shades", [some], explain=True)[0]
    pooled = client.fuse_parts("pooled", [some])[0]

    assert np.linalg.norm(skipped.vector.values) == pytest.approx(1, abs=1e-5)
    assert (list(skipped.present), list(skipped.missing)) == (["photo", "title"], ["note"])
    assert (skipped.replaced, pooled.replaced) == ({}, {"note": "pool"})
    assert sum(skipped.weights.values()) == pytest.approx(1)
    assert {one.name for one in skipped.predictions} == {"warm", "cold"}
    assert [one.part for one in skipped.steps] == ["photo", "title"]
    assert skipped.expected_loss is not None


def test_photos_are_found_by_words_in_a_space_that_was_learned_from_wrong_pairs_too(
    client: Client, world: Shades
) -> None:
    photos = {name: Image.from_file(world.photo(name)) for name in ((6, 0), (0, 6), (5, 1), (1, 5))}
    seen = [{"photo": one} for one in client.encode(list(photos.values()), space="eyes")]
    said = [{"title": one} for one in client.encode(["more red", "more green"], space="words")]

    shown, asked = (
        np.stack([one.vector.values for one in client.fuse_parts("paired", some)]) for some in (seen, said)
    )

    red, green = asked @ shown.T
    assert red[[0, 2]].min() > red[[1, 3]].max()
    assert green[[1, 3]].min() > green[[0, 2]].max()


def test_a_thing_is_named_by_what_its_parts_are_like_and_by_which_part_said_so(
    client: Client, parts: dict[str, Encoding]
) -> None:
    fox, rain = client.encode(["fox", "rain"], space="words")
    whole = client.fuse_parts("named", [{"photo": parts["photo"], "title": fox}])[0]
    photo, title = client.fuse_parts("named", [{"photo": parts["photo"]}, {"title": fox}])

    first, *_ = title.tags
    assert (first.name[-3:], first.kind, list(first.parts)) == ("fox", TagKind.ENTITY, ["title"])
    assert {one.name for one in photo.tags} == {"rain", "street", "lion", "zebra"}
    assert {one.name for one in photo.tags if one.kind is TagKind.ATTRIBUTE} == {"rain", "street"}
    assert {tuple(one.parts) for one in whole.tags} >= {("photo",), ("title",)}
    assert sum(one.score for one in whole.tags if one.kind is TagKind.ENTITY) == pytest.approx(1, abs=1e-3)
    assert (list(whole.missing), whole.replaced, whole.unseen) == (["note"], {}, False)
    assert np.linalg.norm(whole.vector.values) == pytest.approx(1, abs=1e-5)
    assert fox.vector is not None
    assert rain.vector is not None
    assert title.vector.values @ fox.vector.values > title.vector.values @ rain.vector.values
    assert client.fuse_parts("shades", [parts])[0].tags == []


def test_learned_trusts_are_told_and_are_the_weights_of_what_each_part_says_alone(
    client: Client, parts: dict[str, Encoding]
) -> None:
    some = {name: parts[name] for name in ("photo", "title")}
    alone = [{name: one} for name, one in some.items()]

    both, photo, title = client.fuse_parts("trusting", [some, *alone], explain=True)
    replaced = client.fuse_parts("replacing", [some], explain=True)[0]
    untold = client.fuse_parts("trusting", [some])[0]
    without = client.fuse_parts("shades", [some], explain=True)[0]

    assert set(both.trusts) == {"photo", "title"}
    assert both.trusts["photo"] != both.trusts["title"]
    added = both.trusts["photo"] * photo.vector.values + both.trusts["title"] * title.vector.values
    np.testing.assert_allclose(both.vector.values, added / np.linalg.norm(added), atol=1e-5)
    assert both.trusts["photo"] != both.trusts["title"]
    assert title.trusts == {"title": 1}
    assert set(replaced.trusts) == {"photo", "title", "note"}
    assert sum(replaced.trusts.values()) == pytest.approx(1)
    assert (untold.trusts, without.trusts) == ({}, {})


def test_a_pattern_that_was_never_trained_with_is_marked(client: Client, parts: dict[str, Encoding]) -> None:
    alone, with_photo = client.fuse_parts(
        "shades", [{"title": parts["title"]}, {"title": parts["title"], "photo": parts["photo"]}]
    )

    assert alone.unseen
    assert not with_photo.unseen


def test_parts_that_come_one_after_another_give_what_they_give_at_once(
    client: Client, parts: dict[str, Encoding]
) -> None:
    whole = client.fuse_parts("shades", [parts])[0]

    first = client.fuse_parts("shades", [{"photo": parts["photo"]}])[0]
    rest = [ThingPart(name, parts[name]) for name in ("title", "note")]
    later = client.fuse_parts("shades", [Thing(rest, state=first.state, seen=first.present)])[0]

    np.testing.assert_allclose(later.vector.values, whole.vector.values, atol=1e-5)
    assert list(later.present) == ["photo", "title", "note"]
    assert later.missing == []


def test_rounds_that_come_one_after_another_give_what_they_give_at_once(
    client: Client, parts: dict[str, Encoding]
) -> None:
    photo = ThingPart("photo", parts["photo"])
    said = [ThingPart("title", parts[name]) for name in ("title", "note", "title")]
    whole = client.fuse_parts("rounds", [Thing([photo, *said])], explain=True)[0]

    now = client.fuse_parts("rounds", [Thing([photo])])[0]
    for one in said:
        now = client.fuse_parts("rounds", [Thing([one], state=now.state, seen=now.present)])[0]

    np.testing.assert_allclose(now.vector.values, whole.vector.values, atol=1e-5)
    assert (list(now.present), list(now.missing)) == (["photo", "title"], ["note"])
    assert [one.part for one in whole.steps] == ["photo", "title", "title", "title"]


@pytest.mark.parametrize(("fusion", "names"), [("shades", ()), ("rounds", ("note", "title"))])
def test_a_stream_of_parts_gives_after_each_what_fuse_gives_with_the_state_before(
    client: Client, parts: dict[str, Encoding], fusion: str, names: tuple[str, ...]
) -> None:
    given = [Thing([ThingPart(name, parts[name])]) for name in ("photo", "title", "note", *names)]

    with client.fuse_stream(fusion, given) as replies:
        streamed = list(replies)

    before: dict[str, Any] = {}
    for mine, thing in zip(streamed, given, strict=True):
        known = client.fuse_parts(fusion, [dataclasses.replace(thing, **before)])[0]
        before = {"state": known.state, "seen": known.present}
        np.testing.assert_array_equal(mine.vector.values, known.vector.values)
        assert (mine.predictions, mine.present) == (known.predictions, known.present)


def test_more_rounds_than_are_read_at_once_are_refused_with_their_place(
    client: Client, parts: dict[str, Encoding]
) -> None:
    said = [ThingPart("title", parts["title"])] * 1025

    with pytest.raises(InvalidArgument, match="at most 1024 are taken") as refused:
        _ = client.fuse_parts("rounds", [Thing(said)])[0]

    assert "things[0].parts" in str(refused.value)


def test_collections_can_be_in_the_space_of_a_fusion(
    client: Client, world: Shades, parts: dict[str, Encoding]
) -> None:
    (described,) = [one for one in client.fusions() if one.name == "pooled"]
    whole, some = client.fuse_parts("pooled", [parts, {"photo": parts["photo"]}])
    client.create_collection("shop", described.space, width=described.width)
    client.upsert("shop", [Item("boots", [Section("Red boots", vector=whole.vector)])]).collect()

    found = client.search("shop", vector=some.vector, limit=1)

    assert [hit.item_id for hit in found.hits] == ["boots"]
    assert {one.name for one in described.parts} == {"photo", "title", "note"}


def test_items_of_a_bundle_are_fused_in_any_order_and_one_item_is_itself(
    client: Client, parts: dict[str, Encoding]
) -> None:
    first, second = {"photo": parts["photo"], "title": parts["title"]}, {"title": parts["note"]}

    def bundle(*items: dict[str, Encoding]) -> Thing:
        return Thing(
            [ThingPart(name, part, place) for place, one in enumerate(items) for name, part in one.items()]
        )

    one, other, item, alone = client.fuse_parts(
        "bundled", [bundle(first, second), bundle(second, first), bundle(first), first]
    )

    np.testing.assert_allclose(one.vector.values, other.vector.values, atol=1e-5)
    np.testing.assert_allclose(item.vector.values, alone.vector.values, atol=1e-5)
    assert (list(one.present), list(one.missing)) == (["photo", "title"], ["photo", "note"])
    assert one.replaced == {"photo": "substitute", "note": "substitute"}
    assert (one.unseen, one.expected_loss) == (True, None)


@pytest.mark.parametrize(
    ("fusion", "item", "place", "said"),
    [
        ("shades", 1, "things[0].parts[1].item", "knows no bundles"),
        ("bundled", 1024, "things[0].parts[1].item", "1024 items at most"),
        ("bundled", 2, "things[0].parts", "item 1 of the bundle has no part"),
        ("bundled", 0, "things[0].parts[1].name", "given twice"),
    ],
)
def test_items_that_make_no_bundle_are_refused_with_their_place(
    client: Client, parts: dict[str, Encoding], fusion: str, item: int, place: str, said: str
) -> None:
    given = Thing([ThingPart("title", parts["title"]), ThingPart("title", parts["note"], item)])

    with pytest.raises(InvalidArgument, match=said) as refused:
        _ = client.fuse_parts(fusion, [given])[0]

    assert place in str(refused.value)


def test_a_thing_that_fails_does_not_fail_the_others(client: Client, parts: dict[str, Encoding]) -> None:
    fused = client.fuse_parts("shades", [{"smell": parts["title"]}, parts])

    assert fused[1].missing == []
    with pytest.raises(InvalidArgument, match="there is no part 'smell'; the parts are: photo, title, note"):
        _ = fused[0]


def test_a_condition_changes_what_of_the_rows_counts(client: Client, parts: dict[str, Encoding]) -> None:
    rows = [ThingPart(name, parts[name]) for name in ("title", "note")]

    red, green = (
        client.fuse_parts("asked", [Thing(rows, condition=one)], explain=True)[0]
        for one in client.encode(["more red", "more green"], space="words")
    )

    assert (list(red.present), list(red.missing)) == (["title", "note"], ["photo"])
    assert sum(red.weights.values()) == pytest.approx(1)
    assert float(red.vector.values @ green.vector.values) < 1 - 1e-4


def test_a_condition_that_is_missing_or_does_not_fit_is_refused_with_its_place(
    client: Client, parts: dict[str, Encoding]
) -> None:
    note, vector = ThingPart("note", parts["note"]), parts["title"].vector
    assert vector is not None
    narrow = dataclasses.replace(
        parts["title"], vector=dataclasses.replace(vector, values=vector.values[:-1])
    )
    for condition, place, said in (
        (None, "things[0].condition", "asks for a condition, encoded by words"),
        (narrow, "things[0].condition", r"is \[1, 8\], and this is \[1, 7\]"),
        (parts["photo"], "things[0].condition.space", "learned in words"),
    ):
        with pytest.raises(InvalidArgument, match=said) as refused:
            _ = client.fuse_parts("asked", [Thing([note], condition=condition)])[0]
        assert place in str(refused.value)


def _bad(parts: dict[str, Encoding], what: str) -> Thing:
    vector = parts["title"].vector
    assert vector is not None
    title = ThingPart("title", parts["title"])

    def changed(values: Any) -> ThingPart:
        encoding = dataclasses.replace(parts["title"], vector=dataclasses.replace(vector, values=values))
        return ThingPart("title", encoding)

    return {
        "missing": Thing(),
        "twice": Thing([title, title]),
        "width": Thing([changed(vector.values[:-1])]),
        "space": Thing([ThingPart("title", parts["photo"])]),
        "condition": Thing([title], condition=parts["title"]),
        "seen": Thing([title], seen=["photo"]),
        "state": Thing([title], state=vector),
        "none": Thing([ThingPart("title", dataclasses.replace(parts["title"], vector=None))]),
    }[what]


@pytest.mark.parametrize(
    ("what", "place", "said"),
    [
        ("missing", "things[0].parts", "every part is missing"),
        ("twice", "things[0].parts[1].name", "given twice"),
        ("width", "things[0].parts[0].encoding", "8 wide, and this has 7"),
        ("space", "things[0].parts[0].encoding.space", "learned in words"),
        ("condition", "things[0].condition", "has no condition"),
        ("seen", "things[0].seen", "no state is given"),
        ("state", "things[0].state.space", "of another fusion"),
        ("none", "things[0].parts[0].encoding.dense", "has no vector"),
    ],
)
def test_what_is_wrong_with_a_thing_is_refused_with_its_place(
    client: Client, parts: dict[str, Encoding], what: str, place: str, said: str
) -> None:
    with pytest.raises(InvalidArgument, match=said) as refused:
        _ = client.fuse_parts("shades", [_bad(parts, what)])[0]

    assert place in str(refused.value)


def test_missing_parts_are_refused_where_the_fusion_or_the_request_says_so(
    client: Client, parts: dict[str, Encoding]
) -> None:
    some = {"photo": parts["photo"]}

    for name, strictly in (("strict", False), ("pooled", True)):
        with pytest.raises(InvalidArgument, match="title, note is missing"):
            _ = client.fuse_parts(name, [some], refuse_missing=strictly)[0]
    assert client.fuse_parts("strict", [parts])[0].missing == []


def test_numbers_that_are_not_finite_many_things_and_unknown_names_are_refused(
    client: Client, parts: dict[str, Encoding]
) -> None:
    vector = parts["title"].vector
    assert isinstance(vector, Vector)
    broken = dataclasses.replace(vector, values=np.full_like(vector.values, np.nan))

    with pytest.raises(InvalidArgument, match=r"things\[0\]\.parts\[0\]\.encoding\.dense"):
        client.fuse_parts("shades", [{"title": dataclasses.replace(parts["title"], vector=broken)}])
    with pytest.raises(InvalidArgument, match="1 to 1024 things"):
        client.fuse_parts("shades", [])
    with pytest.raises(NotFound, match="pooled"):
        client.fuse_parts("shapes", [parts])
    with pytest.raises(InvalidArgument, match="reads all parts at once"):
        state = client.fuse_parts("shades", [parts])[0].state
        _ = client.fuse_parts("pooled", [Thing([ThingPart("title", parts["title"])], state=state)])[0]
