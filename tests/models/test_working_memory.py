"""A long text takes no more memory than it may: it is refused, or cut, before it is computed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.own_encoder import Silent, card_for
from support.text_architectures import TEXT_ARCHITECTURES, WIDTH
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content, TokenNumbers
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.loading import load_encoder
from tieback.models.session import Hardware
from tieback.models.store import Store
from tieback.models.text.transformer_text import GRAPH, TransformerTextModel
from tieback.models.text.working_memory import WorkingMemory
from tieback.recipes.pull import pull
from tieback.serving.processes import memory as limits_of_groups
from tieback.serving.processes.memory import working_bytes
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

PLACES = 32_768
ROOM = 1 << 20
OF_THE_MODEL = WorkingMemory(heads=4, width=WIDTH, inner=64, blocks=WIDTH)
WHOLE = WorkingMemory(heads=4, width=WIDTH, inner=64)
LONG, BESIDE = 10_000, 1 << 30
FITS = OF_THE_MODEL.tokens_within(ROOM)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[EncoderCard, Store]:
    """A model with 32,768 places, in a store."""
    folder = tmp_path_factory.mktemp("long") / "own"
    TEXT_ARCHITECTURES["bert"].save(folder, max_position_embeddings=PLACES)
    card = card_for(folder, width=WIDTH, max_tokens=PLACES)
    store = Store(folder.parent / "store")
    assert pull([card], [], store, Silent()) == []
    return card, store


def loaded(own: tuple[EncoderCard, Store], room: int = ROOM) -> TransformerTextModel:
    model = load_encoder(*own, Hardware(working_bytes=room))
    assert isinstance(model, TransformerTextModel)
    return model


def text(words: int) -> Content:
    return Content(Modality.TEXT, " ".join(["owl"] * words))


def plan(truncation: Truncation = Truncation.REFUSE) -> EncodePlan:
    return EncodePlan(truncation=truncation)


@pytest.mark.parametrize("memory", [OF_THE_MODEL, WHOLE], ids=["in blocks", "whole"])
@pytest.mark.parametrize("most", [1, 10**6, 2**28, 10**11])
def test_the_longest_text_that_fits_is_the_longest(memory: WorkingMemory, most: int) -> None:
    fits = memory.tokens_within(most)

    assert memory.bytes(1, fits) <= most or fits == 1
    assert memory.bytes(1, fits + 1) > most


SERVE = """
import resource, sys
from pathlib import Path
import numpy as np
from tieback.models.session import Session
session = Session(Path(sys.argv[1]))
pages = int(Path("/proc/self/statm").read_text().split()[0])
most = pages * resource.getpagesize() + int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_AS, (most, most))
ids = np.arange(int(sys.argv[2]))[None] % 9
[dense] = session.run(["dense"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
assert np.isfinite(dense).all()
"""


def test_a_text_of_10000_tokens_has_room_where_its_scores_alone_have_none(
    own: tuple[EncoderCard, Store],
) -> None:
    card, store = own
    graph = store.open(card).path(GRAPH)
    heads = OF_THE_MODEL.heads

    served = subprocess.run(
        [sys.executable, "-c", SERVE, graph, str(LONG), str(BESIDE)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert 4 * heads * LONG**2 > BESIDE > OF_THE_MODEL.bytes(1, LONG)
    assert served.returncode == 0, served.stderr


def test_a_text_that_would_take_more_is_refused_with_its_tokens_and_those_that_fit(
    own: tuple[EncoderCard, Store],
) -> None:
    model = loaded(own)

    with pytest.raises(InvalidInput) as raised:
        model.prepare(text(20_000), plan(), Limits())

    assert raised.value.reason == "TEXT_TOO_LONG"
    assert str(raised.value.field) == "text"
    room = FITS - 2  # beside the special tokens
    assert f"has 20000 tokens and the model reads {room}, for more of which" in raised.value.message
    assert model.prepare(text(room), plan(), Limits()).tokens == FITS


def test_the_callers_own_tokens_are_held_against_the_same_room(own: tuple[EncoderCard, Store]) -> None:
    numbers = Content(Modality.TEXT, TokenNumbers(np.full(FITS + 1, 4)))

    with pytest.raises(InvalidInput, match=f"the model reads {FITS}, for more of which") as raised:
        loaded(own).prepare(numbers, plan(), Limits())

    assert str(raised.value.field) == "token_ids"


def test_a_text_that_may_be_cut_is_cut_to_what_fits_and_computed(own: tuple[EncoderCard, Store]) -> None:
    model = loaded(own)
    cutting = plan(Truncation.END)

    cut = model.prepare(text(20_000), cutting, Limits())
    [found] = model.run([cut], cutting)

    assert (cut.tokens, cut.truncated) == (FITS, 20_000 - (FITS - 2))
    assert found.dense is not None
    assert np.isfinite(found.dense).all()
    assert max(model.sizes) == FITS  # nor is a longer one measured
    assert model.window == FITS - 2  # and documents are split into parts that fit


def test_without_a_bound_a_model_reads_what_its_card_says(own: tuple[EncoderCard, Store]) -> None:
    assert loaded(own, 0).prepare(text(20_000), plan(), Limits()).tokens == 20_002
    assert loaded(own, 1 << 40).window == PLACES - 2


def test_a_text_may_take_a_quarter_of_what_the_control_group_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits_of_groups, "GROUPS", tmp_path)
    (tmp_path / "memory.max").write_text(f"{8 << 30}\n")
    (tmp_path / "memory.stat").write_text("anon 1\nshmem 0\n")

    assert working_bytes() == 2 << 30
