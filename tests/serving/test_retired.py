"""Spaces that are no longer served: loaded when they are asked for, and let go."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from support.asking import encodings, vector
from support.own_encoder import Silent
from support.small_spaces import write_words
from tieback.answer import SingleSpace
from tieback.core.call import NO_CALL
from tieback.core.errors import NotFound
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodeRequest
from tieback.core.types.fusion import Role
from tieback.encoder import Encoder
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.serving.plan.retired import RetiredCards, RetiredSpaces
from tieback.serving.settings import Settings
from tieback_contract.modality import Modality

OWL = Content(Modality.TEXT, "owl")


async def test_a_retired_model_that_nobody_asks_for_is_unloaded_and_loaded_again(tmp_path: Path) -> None:
    card = write_words(tmp_path, "words", {"owl": np.ones(4), "wren": np.zeros(4)})
    assert pull([card], [card], Store(tmp_path / "models"), Silent()) == []
    settings = Settings(models=tmp_path / "models", cards=tmp_path)
    encoder = Encoder([])
    retired = RetiredSpaces(settings, RetiredCards(settings, []), encoder, idle=1.0)

    space = await retired.find(card.space)
    assert isinstance(space, SingleSpace)
    (name,) = space.joint_inputs(Role.QUERY).spaces[Modality.TEXT]
    reply = await encoder.encode(EncodeRequest(name, [OWL]), NO_CALL)
    await asyncio.sleep(2.5)
    with pytest.raises(NotFound) as unknown:
        await encoder.encode(EncodeRequest(name, [OWL]), NO_CALL)
    again = await retired.find(card.space)
    reply_again = await encoder.encode(EncodeRequest(name, [OWL]), NO_CALL)
    await retired.close()
    await encoder.close()

    assert list(unknown.value.choices) == []
    assert again == space
    (one,), (two,) = encodings(reply), encodings(reply_again)
    assert vector(one).space == card.space
    assert np.array_equal(vector(one).values, vector(two).values)
