"""A request names an expert of a merged model: that expert runs and no other, within bounded memory."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.asking import encodings, texts, vector
from support.merged_cards import merged, pulled, write_cards
from support.own_encoder import TEXTS
from support.present import present
from tieback.catalog.card import EncoderCard
from tieback.core.call import NO_CALL
from tieback.core.errors import StartupError, Unavailable
from tieback.core.types.content import Content
from tieback.core.types.encoding import CachePolicy, EncodePlan, EncodeRequest
from tieback.encoder import Encoder
from tieback.methods.merging import RESTORE, SPLIT, Weights, mergings
from tieback.models.adapters import adapter_file
from tieback.models.loading import load_encoder
from tieback.models.session import Hardware, Session
from tieback.models.store import Store
from tieback.models.text.transformer_text import GRAPH, TransformerTextModel
from tieback.recipes.export.merged import write_with
from tieback.recipes.graphs.edits import load_graph
from tieback.recipes.graphs.layer_activations import weights_of
from tieback_contract.limits import Limits
from tieback_contract.vectors import VectorKind

KINDS = frozenset({VectorKind.DENSE, VectorKind.MULTI_VECTOR})
METHODS: Mapping[str, dict[str, Any]] = {
    "tall_masks": {"threshold": 0.4},
    "twin": {"rank": 3},
    "twin of all ranks": {"rank": 64},
    "twin of few values": {"compression": "largest_values", "density": 0.2},
}


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    return write_cards(tmp_path / "cards")


def keeping(cards: Path, method: str = "twin", **adapters: Any) -> EncoderCard:
    merge = {"parameters": {"scale": 0.5}, "adapters": adapters or METHODS[method]}
    return merged(cards, method.split()[0], merge=merge)


def loaded(card: EncoderCard, store: Store, hardware: Hardware = Hardware()) -> TransformerTextModel:  # noqa: B008 - it is frozen
    model = load_encoder(card, store, hardware)
    assert isinstance(model, TransformerTextModel)
    return model


def vectors(
    model: TransformerTextModel, adapter: str, *texts: str, mixture: tuple[float, ...] = ()
) -> list[np.ndarray[Any, Any]]:
    """The vector of each text and of its tokens."""
    plan = EncodePlan(kinds=KINDS, adapter=adapter, mixture=mixture)
    prepared = [model.prepare(Content(model.card.modality, one), plan, Limits()) for one in texts or TEXTS]
    found = model.run(prepared, plan)
    return [part for one in found for part in (present(one.dense), present(one.rows))]


def restored(card: EncoderCard, store: Store) -> dict[str, Weights]:
    """The experts that the method brings back, over the parents' graphs."""
    merge = present(card.merge)
    graphs = {name: weights_of(load_graph(store.open(one).path(GRAPH))) for name, one in card.parents.items()}
    base = graphs[merge.base]
    split = mergings.form(SPLIT, merge.method, merge.split_parameters)
    shared, adapters = split(base, [graphs[name] for name in merge.experts])
    restore = mergings.form(RESTORE, merge.method)
    return {name: restore(base, shared, one) for name, one in zip(merge.experts, adapters, strict=True)}


@pytest.mark.parametrize("method", METHODS)
def test_an_adapter_gives_the_vectors_of_the_expert_that_its_method_restores(
    cards: Path, tmp_path: Path, method: str
) -> None:
    card = keeping(cards, method)
    store, _ = pulled(card, tmp_path)
    served = loaded(card, store)

    for name, weights in restored(card, store).items():
        graph = tmp_path / f"{name}.onnx"
        write_with(load_graph(store.open(card).path(GRAPH)), weights, graph)
        by_hand = loaded(card, store)
        by_hand._session = Session(graph)
        for one, other in zip(vectors(served, name), vectors(by_hand, ""), strict=True):
            np.testing.assert_allclose(one, other, atol=2e-5)


@pytest.mark.parametrize("method", METHODS)
def test_a_mixture_gives_the_vectors_of_the_mean_of_the_experts_weights(
    cards: Path, tmp_path: Path, method: str
) -> None:
    card = keeping(cards, method)
    store, _ = pulled(card, tmp_path)
    served = loaded(card, store, Hardware(adapter_bytes=1))
    owls, wrens = restored(card, store).values()
    mean = {name: 0.25 * owls[name] + 0.75 * wrens[name] for name in owls}

    write_with(load_graph(store.open(card).path(GRAPH)), mean, tmp_path / "mean.onnx")
    by_hand = loaded(card, store)
    by_hand._session = Session(tmp_path / "mean.onnx")

    mixed = vectors(served, "mixed", mixture=(0.25, 0.75))
    for one, other in zip(mixed, vectors(by_hand, ""), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)
    for one, other in zip(vectors(served, "mixed", mixture=(0, 1)), vectors(served, "wrens"), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("method", ["tall_masks", "twin"])
def test_mixed_traffic_gives_each_adapter_what_it_gives_alone_to_the_bit(
    cards: Path, tmp_path: Path, method: str
) -> None:
    card = keeping(cards, method)
    store, _ = pulled(card, tmp_path)
    names = ["", *card.adapters]
    alone = {name: vectors(loaded(card, store), name) for name in names}
    # So little memory that each change of the adapter evicts the one before it.
    small, large = (loaded(card, store, Hardware(adapter_bytes=size)) for size in (1, 1 << 20))

    for name in random.Random(0).choices(names, k=40):
        for model in (small, large):
            for one, other in zip(vectors(model, name), alone[name], strict=True):
                np.testing.assert_array_equal(one, other)

    assert not np.array_equal(alone["owls"][0], alone["wrens"][0])
    assert not np.array_equal(alone["owls"][0], alone[""][0])
    few, many = present(small.adapters).state, present(large.adapters).state
    assert few.loaded == 1
    assert few.evictions == few.loads - 1 > 2
    assert (many.loaded, many.loads, many.evictions) == (2, 2, 0)


def test_adapters_take_no_more_memory_than_is_allowed_but_for_the_one_in_use(
    cards: Path, tmp_path: Path
) -> None:
    card = keeping(cards)
    store, _ = pulled(card, tmp_path)
    model = loaded(card, store)
    adapters = present(model.adapters)
    assert adapters.state.bytes == 0
    vectors(model, "owls")
    one = adapters.state.bytes
    vectors(model, "wrens")
    assert one < adapters.state.bytes <= 2 * one + 64

    bounded = loaded(card, store, Hardware(adapter_bytes=one))
    for name in ("owls", "wrens", "owls"):
        vectors(bounded, name)
        assert present(bounded.adapters).state.bytes <= one + 64


def test_factors_are_kept_as_they_are_and_masks_restore_what_differs(cards: Path, tmp_path: Path) -> None:
    sizes = {}
    for method in ("twin", "tall_masks"):
        card = keeping(cards, method, **({"rank": 1} if method == "twin" else {"threshold": 0.4}))
        model = loaded(card, pulled(card, tmp_path)[0])
        vectors(model, "owls")
        sizes[method] = present(model.adapters).state.bytes

    assert sizes["twin"] < sizes["tall_masks"] / 2


def test_the_hash_of_an_adapter_is_that_of_its_file_and_another_file_is_not_applied(
    cards: Path, tmp_path: Path
) -> None:
    card = keeping(cards)
    store, _ = pulled(card, tmp_path)
    model = loaded(card, store)
    served = store.open(card)
    assert present(model.adapters).hashes == {
        name: served.manifest.served[adapter_file(name)].sha256 for name in ("owls", "wrens")
    }
    owls, wrens = (served.path(adapter_file(name)) for name in ("owls", "wrens"))

    wrens.write_bytes(owls.read_bytes())

    vectors(model, "owls")
    with pytest.raises(Unavailable, match=r"adapter 'wrens' of 'both' cannot be read .*models pull both"):
        vectors(model, "wrens")
    owls.unlink()
    vectors(model, "owls")  # it is in memory
    with pytest.raises(Unavailable, match="adapter 'owls' of 'both' cannot be read"):
        vectors(model_of_damaged(model), "owls")


def model_of_damaged(model: TransformerTextModel) -> TransformerTextModel:
    """The model with nothing in memory, as after the adapter was evicted."""
    present(model.adapters)._kept.clear()
    return model


def test_each_expert_is_a_space_of_its_own(cards: Path) -> None:
    card = keeping(cards)
    refs = [card.space, *(card.space_with(name) for name in card.adapters)]

    assert [ref.name for ref in refs] == ["both", "both+owls", "both+wrens"]
    assert len({ref.fingerprint for ref in refs}) == 3
    assert keeping(cards, rank=2).revision != card.revision


def test_a_method_that_splits_nothing_or_a_card_that_serves_a_parent_keeps_no_adapters(cards: Path) -> None:
    assert merged(cards, "linear").adapters == ()
    assert merged(cards, "twin", merge={"serve": "base"}).adapters == ()


@pytest.mark.parametrize(
    ("method", "adapters", "says"),
    [
        ("linear", {"rank": 2}, "'split'"),
        ("twin", {"rank": 0}, "greater than or equal to 1"),
        ("tall_masks", {"rank": 2}, "no parameter 'rank'"),
    ],
)
def test_parameters_of_adapters_are_checked_when_cards_are_read(
    cards: Path, method: str, adapters: dict[str, Any], says: str
) -> None:
    with pytest.raises(StartupError, match=says):
        merged(cards, method, merge={"adapters": adapters})


@pytest.mark.parametrize("method", ["tall_masks", "twin"])
async def test_an_adapter_that_is_evicted_while_requests_wait_for_it_is_read_again(
    cards: Path, tmp_path: Path, method: str
) -> None:
    card = keeping(cards, method)
    store, _ = pulled(card, tmp_path)
    alone = {name: vectors(loaded(card, store), name, TEXTS[0])[0] for name in ("", *card.adapters)}
    model = loaded(card, store, Hardware(adapter_bytes=1))  # so each change of the expert evicts the last
    encoder = Encoder([model])
    asked = random.Random(1).choices(list(alone), k=60)

    replies = await asyncio.gather(
        *(
            encoder.encode(
                EncodeRequest(
                    card.name,
                    texts(TEXTS[0]),
                    EncodePlan(adapter=name, batch_invariant=True),
                    cache=CachePolicy.BYPASS,
                ),
                NO_CALL,
            )
            for name in asked
        )
    )
    state = encoder.adapter_state(card.name)
    await encoder.close()

    for name, reply in zip(asked, replies, strict=True):
        (found,) = encodings(reply)
        np.testing.assert_array_equal(vector(found).values, alone[name])
        assert (found.adapter.name if found.adapter else "") == name
        assert found.space == (card.space_with(name) if name else card.space)
    assert state.loaded == 1
    assert state.evictions > 0
