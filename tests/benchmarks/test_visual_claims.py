"""What the small forms of EMMA, MouSi and ADEM-VL promise by construction."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmarks.claims.embedded_fusion import Decoder, Features, fusion
from benchmarks.claims.visual_experts import Experts, Mixing, positions

pytestmark = pytest.mark.all


def test_mixing_begins_as_the_tokens_of_the_photo_to_the_bit() -> None:
    image, instruction = torch.randn(3, 16, 24), torch.randn(3, 6, 8)

    assert torch.equal(Mixing(16, 24, 6, 8)(image, instruction), image)


def test_mixing_adds_less_than_two_thousandths_of_a_language_models_parameters() -> None:
    mixing = Mixing(576, 1024, 77, 768)

    assert sum(one.numel() for one in mixing.parameters()) / 7e9 < 0.002


def test_words_in_another_order_change_what_is_mixed() -> None:
    mixing, image, instruction = Mixing(4, 8, 3, 5), torch.randn(2, 4, 8), torch.randn(2, 3, 5)
    nn.init.normal_(mixing.weight)

    assert not torch.allclose(mixing(image, instruction), mixing(image, instruction[:, [2, 0, 1]]))


def test_groups_of_each_encoders_tokens_become_one() -> None:
    experts = Experts([24, 12], [4, 16], 10)

    assert experts([torch.randn(2, 16, 24), torch.randn(2, 64, 12)]).shape == (2, 4 + 4, 10)


@pytest.mark.parametrize(("scheme", "used"), [("original", 64), ("all", 1), ("row", 8)])
def test_tokens_of_a_grid_share_positions(scheme: str, used: int) -> None:
    ids = positions(8, 8, scheme)

    assert (len(ids), len(set(ids))) == (64, used)


def test_features_are_in_no_sequence_and_in_no_cache() -> None:
    decoder, text = Decoder(20), torch.randint(20, (2, 5))

    _, alone = decoder(text, None, 0.0)
    _, seeing = decoder(text, torch.randn(2, 300, 64), 0.1)

    assert [one.shape for one in alone] == [one.shape for one in seeing]


def test_features_of_nothing_give_the_texts_own_logits() -> None:
    decoder, text = Decoder(20), torch.randint(20, (2, 5))
    features = Features(9, 64, 4, beta=0.0)(torch.randn(2, 30, 9))

    assert torch.equal(decoder(text, None, 0.0)[0], decoder(text, features, 0.1)[0])


def test_the_weakest_features_of_each_token_add_nothing() -> None:
    states, features, nothing = torch.randn(1, 3, 8), torch.randn(1, 10, 8), torch.zeros(8)
    every = fusion(states, features, nothing, nothing, drop=0.0, alpha=1.0)
    weights = nn.functional.silu(states) @ nn.functional.silu(features).transpose(1, 2)
    weakest = weights.argmin(dim=2)

    fewer = fusion(states, features, nothing, nothing, drop=0.1, alpha=1.0)

    lost = weights.gather(2, weakest[..., None]) * features[0][weakest]
    assert torch.allclose(every - fewer, lost, atol=1e-5)
