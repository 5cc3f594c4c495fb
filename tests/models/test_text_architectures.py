"""Every text architecture is exported from its folder as transformers computes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.own_encoder import WORDS, card_for, served
from support.text_architectures import PLACES, TEXT_ARCHITECTURES, WIDTH
from tieback.core.types.encoding import EncodePlan
from tieback.methods.pooling import poolings
from tieback.models.encoder_model import Prepared
from tieback.models.text.tokenization import TokenizedText

FEW = ("modernbert", "qwen3")
LENGTHS = (1, 2, 5, 17, 90, 700)


def chosen(name: str) -> object:
    return pytest.param(name, marks=[] if name in FEW else pytest.mark.all)


@pytest.mark.parametrize("name", map(chosen, TEXT_ARCHITECTURES))
def test_an_architecture_is_served_as_transformers_computes(tmp_path: Path, name: str) -> None:
    architecture = TEXT_ARCHITECTURES[name]
    model = architecture.save(tmp_path / "own")
    pool = poolings.configure(architecture.pooling)
    card = card_for(
        tmp_path / "own", width=WIDTH, max_tokens=PLACES - 2, pooling={"name": architecture.pooling}
    )
    texts = [torch.randint(4, len(WORDS), (length,)) for length in LENGTHS]

    encoder = served(card, tmp_path)

    batch = [Prepared(len(ids), TokenizedText(ids.numpy())) for ids in texts]
    together = encoder.run(batch, EncodePlan(kinds=card.kinds))
    for place, ids in enumerate(texts):
        with torch.no_grad():
            states = model(input_ids=ids[None]).last_hidden_state
            vector = torch.nn.functional.normalize(pool([states], torch.ones(1, len(ids))), dim=-1)
        (alone,) = encoder.run(batch[place : place + 1], EncodePlan(kinds=card.kinds))
        for found in (together[place], alone):
            assert found.dense is not None
            np.testing.assert_allclose(found.dense, vector[0].numpy(), atol=1e-4)
